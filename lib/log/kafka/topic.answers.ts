import { MissingTopicsError } from '../log.errors.js';
import { FreshAnswer } from './fresh.answer.js';

/** Asks something of topics, all who want to know it of one at the same time by one question. */
export class TopicAnswers<T> {
  private readonly answers = new Map<string, FreshAnswer<T>>();

  constructor(private readonly ask: (topic: string) => Promise<T>) {}

  async get(topic: string): Promise<T> {
    let answer = this.answers.get(topic);
    if (!answer) this.answers.set(topic, (answer = new FreshAnswer(() => this.ask(topic))));
    try {
      return await answer.get();
    } catch (error) {
      if (error instanceof MissingTopicsError) this.answers.delete(topic); // else whatever names are asked for stay here
      throw error;
    }
  }
}
