/** When a message goes into the log. */
export interface PublishOptions {
  /**
   * Where the service has an inbox (`handlers.inbox`), what a handler publishes is held until it has returned, and dropped where it
   * throws. `true`: at once in any case, as progress must be; it comes again, with another id, where the handler runs again.
   * @default false
   */
  readonly now?: boolean;
}
