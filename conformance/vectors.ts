import { readFile } from 'node:fs/promises';

/** A frame that a client sends, as text, and what the gateway does with it. */
export interface FrameVector {
  readonly name: string;
  readonly frame: string;
  /** The frame that answers it; left out where nothing does. */
  readonly answer?: { readonly event: string; readonly id?: string };
  /** The rule that it breaks. */
  readonly rule?: string;
  /** The `error` that refuses it. */
  readonly error?: { readonly code: string; readonly id?: string; readonly requestId?: string };
  /** The code that the socket is closed with. */
  readonly close?: number;
}

interface Frames {
  readonly taken: readonly FrameVector[];
  readonly refused: readonly (FrameVector & Required<Pick<FrameVector, 'rule' | 'error'>>)[];
}

/** A result, and all that is needed to open it. */
export interface SealingVector {
  readonly name: string;
  /** Index of the set-up whose recipient it is opened with. */
  readonly setup: number;
  readonly topic: string;
  readonly sessionId: string;
  readonly requestId: string;
  readonly sealed: { readonly enc: string; readonly iv: string; readonly ct: string };
}

/** What both sides derive from their keys, step by step. */
export interface SetupVector {
  readonly name: string;
  /** Private keys and secrets in hexadecimal, what travels in base64url. */
  readonly recipientPrivateKey: string;
  readonly recipientPublicKey: string;
  readonly ephemeralPrivateKey: string;
  readonly enc: string;
  readonly dh: string;
  readonly sharedSecret: string;
  readonly exporterSecret: string;
  readonly exportedKey: string;
}

/** A client's life: what it receives, and what its hellos must say because of it. */
export interface PositionVector {
  readonly name: string;
  readonly rules: readonly string[];
  readonly steps: readonly (
    | { readonly hello: { readonly positions?: object; readonly epoch?: string } }
    | { readonly receive: { readonly event: string; readonly data: object } }
  )[];
  /** Places of the results and broadcasts that it delivers, in order. */
  readonly delivered: readonly (readonly [topic: string, partition: number, offset: string])[];
  /** What it tells the application of each topic that was recovered. */
  readonly recovered: readonly { readonly topic: string; readonly complete: boolean; readonly reason?: string }[];
}

/** The test vectors of PROTOCOL.md. */
export interface Vectors {
  readonly protocol: string;
  readonly frames: { readonly hello: Frames; readonly later: Frames };
  readonly positions: readonly PositionVector[];
  readonly sealing: {
    readonly info: string;
    readonly exporterContext: string;
    readonly setups: readonly SetupVector[];
    readonly opened: readonly (SealingVector & { readonly aad: string; readonly plaintext: string })[];
    readonly refused: readonly SealingVector[];
  };
}

export async function readVectors(): Promise<Vectors> {
  return JSON.parse(await readFile(new URL('../PROTOCOL.vectors.json', import.meta.url), 'utf8')) as Vectors;
}
