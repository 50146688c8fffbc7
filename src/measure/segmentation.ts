/**
 * @file Mean intersection over union, for a class a pixel.
 */
import { classLabels, requirePlaces, shareOfClean, unjudged, type LabelOptions } from "./answers.ts";
import { nonFiniteAnswer, topClasses } from "./layout.ts";
import type { Measure } from "./measure.ts";

/**
 * The mean over the classes that occur in the labels of `intersection / union`, both counted over all pixels of all
 * samples. Pixels with the ignored label count in neither.
 */
export function meanIouMeasure(options: LabelOptions = {}): Measure {
  const name = "miou";
  return {
    description: { name, title: "mIoU", unit: "share", higherIsBetter: true, kept: "the clean mIoU" },
    bind(reference) {
      const { outputs, values: labels } = classLabels(reference, name, options);
      const { classes, places } = outputs.layout;
      requirePlaces(outputs.layout, name);
      const labelled = new Float64Array(classes);
      for (const label of labels) if (label !== unjudged) labelled[label]!++;
      const present = Array.from(labelled.keys()).filter((c) => labelled[c]! > 0);
      return {
        // Pixels of each class that are answered rightly, that are answered so, and that are labelled so.
        width: 3 * classes,
        range: [0, 1],
        contribute(values, sample, _isFinite, into) {
          topClasses(outputs, values).forEach((answer, place) => {
            const label = labels[sample * places + place]!;
            if (label === unjudged) return;
            into[2 * classes + label]!++;
            // A class number with faults may be none of the model's classes.
            if (answer === nonFiniteAnswer || answer >= classes) return;
            into[classes + answer]!++;
            if (answer === label) into[label]!++;
          });
        },
        score(sums) {
          const [right, answered, own] = [0, 1, 2].map((i) => sums.slice(i * classes, (i + 1) * classes));
          const total = present.reduce(
            (sum, c) => sum + right![c]! / (answered![c]! + own![c]! - right![c]!),
            0,
          );
          return total / present.length;
        },
        target: shareOfClean("mIoU"),
      };
    },
  };
}
