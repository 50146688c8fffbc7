/**
 * @file Cross-entropy: how improbable a network makes the right classes.
 */
import { classLabels, unjudged, type LabelOptions } from "./answers.ts";
import { confidence, requireScores } from "./layout.ts";
import type { Measure } from "./measure.ts";

/**
 * The largest loss of one answer, `23 ln 2` = 15.94 nat: probabilities below 2^-23, the spacing of float32 at 1, count
 * as that, as in scikit-learn's `log_loss`. It is also the loss where an output is not finite.
 */
export const maximumLoss = 23 * Math.LN2;

/** The mean of `-ln p(label)` over answers, in nat. */
export function crossEntropyMeasure(options: LabelOptions = {}): Measure {
  const name = "cross-entropy";
  return {
    description: {
      name,
      title: name,
      unit: "nat",
      higherIsBetter: false,
      kept: "the clean likelihood",
    },
    bind(reference) {
      const { outputs, values: labels } = classLabels(reference, name, options);
      requireScores(outputs, name);
      const { places } = outputs.layout;
      return {
        width: 2,
        range: [0, maximumLoss],
        contribute(values, sample, _isFinite, into) {
          for (let place = 0; place < places; place++) {
            const label = labels[sample * places + place]!;
            if (label === unjudged) continue;
            into[0]! += Math.min(-Math.log(confidence(outputs, values, place, label)), maximumLoss);
            into[1]!++;
          }
        },
        score: ([loss, asked]) => loss! / asked!,
        // The likelihood of a sample is exp(-loss); its geometric mean over samples keeps the share.
        target: (keep, clean) => clean - Math.log(keep),
      };
    },
  };
}
