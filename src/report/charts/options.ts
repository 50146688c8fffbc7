/** @file What a caller says of any chart, and its size. Types of Plot stay out of it, so that they stay out of the package's. */

/** Where and how wide a chart is drawn. */
export interface ChartOptions {
  /** A browser's document, or one of jsdom. */
  readonly document: Document;
  /** In CSS pixels; 720 by default. Below 520 the chart is laid out for a telephone. */
  readonly width?: number;
}

/** The size of a chart that is about to be drawn. */
export interface Frame {
  readonly document: Document;
  readonly width: number;
  readonly height: number;
  /** Laid out for a telephone. */
  readonly compact: boolean;
  readonly marginLeft: number;
  readonly marginRight: number;
  readonly marginTop: number;
  readonly marginBottom: number;
}
