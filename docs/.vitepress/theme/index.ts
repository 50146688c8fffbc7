/** @file VitePress's own theme, in the colours of the charts. */
import theme from "vitepress/theme";
import "./style.css";

export default theme;
