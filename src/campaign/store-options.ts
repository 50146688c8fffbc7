/** @file How a store of campaigns is opened: apart from its file, whose types are those of a package without types. */

/** How the file of a store is opened. */
export interface StoreFileOptions {
  /** Whether a file that is not there is made; true unless told. */
  readonly create?: boolean;
  /** Set where nothing will be kept in it: where the file or its folder may not be written, a copy is looked at. */
  readonly isOnlyRead?: boolean;
  /** The file must not grow beyond this many bytes: what a full disk does, and a quota. */
  readonly limitBytes?: number;
}

/** Settings of `openStore`. */
export interface StoreOptions extends StoreFileOptions {
  /** Told once when chips cannot be written. */
  readonly onNotice?: (text: string) => void;
  /** The time for events, in milliseconds; it decides nothing. */
  readonly now?: () => number;
}
