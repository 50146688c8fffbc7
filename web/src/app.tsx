/** @file The frame of the explorer: views, their names, light and dark. */
import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import { addressOf, useAddress, useReplaced } from "./address.ts";
import { Failure, Warnings } from "./controls.tsx";
import { CompareView } from "./views/compare.tsx";
import { DeviceView } from "./views/device.tsx";
import { ErrorsView } from "./views/errors.tsx";
import { NetworkView } from "./views/network.tsx";
import { VerificationView } from "./views/verification.tsx";

interface View {
  readonly name: string;
  readonly title: string;
  readonly component: ComponentType;
}

const views: readonly View[] = [
  { name: "device", title: "Device", component: DeviceView },
  { name: "errors", title: "Errors", component: ErrorsView },
  { name: "network", title: "Network", component: NetworkView },
  { name: "verification", title: "Verification", component: VerificationView },
  { name: "compare", title: "Compare", component: CompareView },
];

const systemDark = matchMedia("(prefers-color-scheme: dark)");

/** Light or dark: as the system has it, or as the reader chose. */
function ThemeButton() {
  const [theme, setTheme] = useState<"light" | "dark" | undefined>();
  const [isSystemDark, setIsSystemDark] = useState(systemDark.matches);
  const isDark = theme === undefined ? isSystemDark : theme === "dark";
  useEffect(() => {
    const listener = () => setIsSystemDark(systemDark.matches);
    systemDark.addEventListener("change", listener);
    return () => systemDark.removeEventListener("change", listener);
  }, []);
  useEffect(() => {
    if (theme !== undefined) document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  return (
    <button type="button" class="quiet" onClick={() => setTheme(isDark ? "light" : "dark")}>
      {isDark ? "Light" : "Dark"}
    </button>
  );
}

function Shown({ view }: { view: View }) {
  const [failure, retry] = useErrorBoundary();
  if (failure !== undefined) {
    return (
      <>
        <Failure message={`This view met a defect of qtaml (${String(failure)}); please report it.`} />
        <p>
          <button type="button" onClick={retry}>
            Try again
          </button>
        </p>
      </>
    );
  }
  const Component = view.component;
  return <Component />;
}

/** The page. */
export function App() {
  const address = useAddress();
  const found = views.find(({ name }) => name === address.view);
  const view = found ?? views[0]!;
  const replaced = useReplaced();
  const isUnknown = found === undefined && address.view !== "";
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${view.title} · qtaml explorer`;
    // Readers who cannot see the page change are taken to the new heading.
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [view]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), heading.current?.focus())}>
        Skip to the view
      </a>
      <header>
        <p class="brand">
          qtaml <span>explorer</span>
        </p>
        <nav aria-label="Views">
          {views.map(({ name, title }) => (
            <a key={name} href={addressOf(name)} aria-current={name === view.name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </header>
      <main id="main">
        <h1 ref={heading} tabIndex={-1}>
          {view.title}
        </h1>
        <Warnings
          warnings={[
            ...(isUnknown ? [`There is no view "${address.view}"; this is ${view.title}.`] : []),
            ...address.strangers.map((name) => `No view knows the "${name}" of the address; it is left out.`),
            ...replaced,
          ]}
        />
        <Shown key={view.name} view={view} />
      </main>
    </>
  );
}
