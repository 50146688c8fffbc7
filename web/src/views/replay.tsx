/** @file One chip of a campaign looked at closely: which answers it changed, and which bits are to blame. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CampaignState, Picture, PlaneName, ReplayAnswer } from "../../../src/explorer/index.ts";
import { formatCount } from "../../../src/report/browser.ts";
import { Failure, useDraft } from "../controls.tsx";
import { postJson } from "../server.ts";

/** A sample as it is. */
function Thumbnail({ picture, words }: { picture: Picture; words: string }) {
  const holder = useRef<HTMLCanvasElement>(null);
  const { width, height, channels, pixels } = picture;
  useEffect(() => {
    const bytes = atob(pixels);
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let k = 0; k < 3; k++) {
        image.data[4 * i + k] = bytes.charCodeAt(channels * i + (channels === 3 ? k : 0));
      }
      image.data[4 * i + 3] = 255;
    }
    holder.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [picture]);
  return <canvas ref={holder} width={width} height={height} role="img" aria-label={words} />;
}

const answerWords = (answer: number) => (answer < 0 ? "no number" : String(answer));
const planeWords = ({ tensor, bit }: PlaneName) => `${tensor} bit ${bit}`;

/** Bit planes by how many of the changed answers each alone would bring back. */
function blame({ changed }: ReplayAnswer) {
  const counts = new Map<string, { plane: PlaneName; count: number }>();
  for (const { causes } of changed) {
    for (const plane of causes) {
      const key = planeWords(plane);
      counts.set(key, { plane, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, 8);
}

function FlipTable({ flips }: Pick<ReplayAnswer, "flips">) {
  const bits = Math.max(...flips.map(({ byBit }) => byBit.length));
  const places = Array.from({ length: bits }, (_, i) => bits - 1 - i);
  return (
    <div class="scroll" role="region" aria-label="Flipped bits" tabIndex={0}>
      <table>
        <caption>Unprotected bits that flipped on this chip, by tensor and bit</caption>
        <thead>
          <tr>
            <th scope="col">tensor</th>
            {places.map((bit) => (
              <th key={bit} scope="col" class="num">
                {bit}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {flips.map(({ tensor, byBit }) => (
            <tr key={tensor}>
              <th scope="row">{tensor}</th>
              {places.map((bit) => (
                <td key={bit} class="num">
                  {byBit[bit] === undefined ? "" : formatCount(byBit[bit])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Changed({ replay }: { replay: ReplayAnswer }) {
  const { changed, samples } = replay;
  const worst = useMemo(() => blame(replay), [replay]);
  const shown = changed.filter(({ picture }) => picture !== null).slice(0, 24);
  return (
    <>
      <p>
        Chip {replay.chip} answers {formatCount(changed.length)} of {formatCount(samples)} samples otherwise
        than the clean network
        {worst.length === 0
          ? changed.length === 0
            ? "."
            : "; no single bit plane is to blame for any of them."
          : `. Most to blame: ${worst
              .slice(0, 3)
              .map(({ plane, count }) => `${planeWords(plane)} (protected as well, it brings ${count} back)`)
              .join(", ")}.`}
      </p>
      {shown.length === 0 ? null : (
        <ul class="samples" aria-label="Samples whose answer changed">
          {shown.map(({ index, clean, chip, label, causes, picture }) => (
            <li key={index}>
              <Thumbnail picture={picture!} words={`sample ${index}`} />
              <span>
                {answerWords(clean)} → <strong>{answerWords(chip)}</strong>
                {label === null
                  ? null
                  : label === clean
                    ? " (was right)"
                    : label === chip
                      ? " (now right)"
                      : ""}
                <small>
                  {causes.length === 0
                    ? "no single bit"
                    : `${planeWords(causes[0]!)}${causes.length > 1 ? ` and ${causes.length - 1} more` : ""}`}
                </small>
              </span>
            </li>
          ))}
        </ul>
      )}
      <FlipTable flips={replay.flips} />
    </>
  );
}

/** Chooses a chip of a plan and replays it. */
export function Replay({ campaign, plan }: { campaign: CampaignState; plan: number }) {
  const { worstChip, medianChip } = campaign.plans[plan]!;
  const [chip, setChip] = useState<number>();
  const [found, setFound] = useState<{ plan: number; id: number; replay: ReplayAnswer }>();
  const [message, setMessage] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const chosen = chip ?? worstChip ?? 0;
  const ask = async (ordinal: number) => {
    setChip(ordinal);
    setIsBusy(true);
    setMessage(undefined);
    try {
      const replay = await postJson("api/campaign/replay", { id: campaign.id, plan, chip: ordinal });
      setFound({ plan, id: campaign.id, replay: replay as ReplayAnswer });
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    } finally {
      setIsBusy(false);
    }
  };
  const isOpen = campaign.stage === "ended";
  const field = useDraft(String(chosen), (text) => {
    const ordinal = Number(text);
    if (Number.isSafeInteger(ordinal) && ordinal >= 0 && ordinal < 2 ** 31) setChip(ordinal);
  });
  return (
    <section aria-label="One chip">
      <h2>One chip</h2>
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault();
          void ask(chosen);
        }}
      >
        <label>
          Chip <input type="text" inputMode="numeric" size={6} {...field} />
        </label>
        <button type="submit" disabled={!isOpen || isBusy}>
          {isBusy ? "Replaying …" : "Replay"}
        </button>
        {worstChip === null ? null : (
          <button
            type="button"
            class="quiet"
            disabled={!isOpen || isBusy}
            onClick={() => void ask(worstChip)}
          >
            the worst: {worstChip}
          </button>
        )}
        {medianChip === null ? null : (
          <button
            type="button"
            class="quiet"
            disabled={!isOpen || isBusy}
            onClick={() => void ask(medianChip)}
          >
            one in the middle: {medianChip}
          </button>
        )}
      </form>
      <p class="note">
        {isOpen
          ? "The chip's faults are drawn again, bit for bit; then each bit plane that flipped is mended alone."
          : "A chip can be replayed when the campaign has ended."}
      </p>
      {message === undefined ? null : <Failure message={message} />}
      {found === undefined || found.plan !== plan || found.id !== campaign.id ? null : (
        <Changed replay={found.replay} />
      )}
    </section>
  );
}
