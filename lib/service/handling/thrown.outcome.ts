import { HttpException, HttpStatus } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { ValidationError } from 'class-validator';
import { isOutcome, type Outcome } from '../../protocol/outcome.js';
import type { FilterAnswer } from './handler.invoker.js';
import { problemsOf } from './validated.js';
import { CommandRejectedError } from '../service.errors.js';

/** What a client learns of an error that was nobody's intention: that it happened, and nothing else. */
export const INTERNAL: Outcome = {
  status: 'failed',
  code: 'INTERNAL',
  message: 'The command could not be carried out.',
};

/** The outcome that an error thrown by a handler, a guard, a pipe or an interceptor stands for. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof CommandRejectedError) return rejected(error.code, error.message, error.value);
  if (error instanceof RpcException) return ofRpc(error);
  if (error instanceof HttpException) return ofHttp(error);
  return INTERNAL;
}

/**
 * The outcome that an exception filter's answer stands for. A filter speaks on purpose, so a `code` and `message` that it
 * gives reach the client; with a `code` even an error that would have `failed` becomes `rejected`.
 */
export function outcomeOfAnswer({ value, error }: FilterAnswer): Outcome {
  if (value instanceof Error) return outcomeOf(value);
  const stated = statedOutcome(value);
  if (stated) return stated;
  const { code, message } = wordsOf(value);
  const otherwise = outcomeOf(error);
  if (otherwise.status === 'failed')
    return { ...(code === undefined ? INTERNAL : rejected(code)), ...optional(message) };
  if (otherwise.status !== 'rejected') return otherwise;
  return rejected(code ?? otherwise.code, message ?? otherwise.message);
}

function ofRpc(exception: RpcException): Outcome {
  const error = exception.getError();
  const { code = 'REJECTED', message = exception.message } = wordsOf(error);
  return statedOutcome(error) ?? rejected(code, message);
}

function ofHttp(exception: HttpException): Outcome {
  const status = exception.getStatus();
  if (status < 400 || status > 499) return INTERNAL;
  const response: unknown = exception.getResponse();
  const list = (response as { message?: unknown } | null)?.message;
  const { code = HttpStatus[status] ?? `HTTP_${status}`, message = exception.message } = wordsOf(response);
  return Array.isArray(list) ? invalid(list) : rejected(code, message);
}

/** What Nest's ValidationPipe lists: sentences, or with an `exceptionFactory` class-validator's own errors. */
function invalid(list: readonly unknown[]): Outcome {
  if (list.every((entry) => entry instanceof ValidationError)) return { status: 'invalid', errors: problemsOf(list) };
  return { status: 'invalid', errors: [{ path: '', constraints: list.map(String) }] };
}

function rejected(code: string | undefined, message?: string, value?: unknown): Outcome {
  return { status: 'rejected', code, ...optional(message), ...(value !== undefined && { value }) };
}

function optional(message: string | undefined): { message?: string } {
  return message === undefined ? {} : { message };
}

/** Where an answer has the form of an outcome, and not of a success, it is one; what else it holds stays here. */
function statedOutcome(value: unknown): Outcome | undefined {
  if (!isOutcome(value) || value.status === 'success' || value.status === 'timeout') return undefined;
  const { code, message } = wordsOf(value);
  const words = { ...(code !== undefined && { code }), ...optional(message) };
  if (value.status === 'invalid') return { status: 'invalid', errors: value.errors, ...words };
  return { status: value.status, ...words };
}

function wordsOf(value: unknown): { code?: string; message?: string } {
  if (typeof value === 'string') return { message: value };
  if (typeof value !== 'object' || value === null) return {};
  const { code, message } = value as { code?: unknown; message?: unknown };
  return {
    ...((typeof code === 'string' || typeof code === 'number') && { code: String(code) }),
    ...(typeof message === 'string' && { message }),
  };
}
