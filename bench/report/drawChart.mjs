/** Standard input: what to draw, see `drawChart`; standard output: the SVG. In a process of its own, for the library's types need not be there. */
import { text } from "node:stream/consumers";

import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const { title, categories, series } = JSON.parse(await text(process.stdin));
const chart = init(null, null, {
  renderer: "svg",
  ssr: true,
  width: 1000,
  height: 160 + 120 * categories.length,
});
chart.setOption({
  animation: false,
  backgroundColor: "#ffffff",
  title: { text: title, left: 16, top: 12, textStyle: { fontSize: 16 } },
  legend: { top: 44, left: 16, right: 16 },
  grid: { left: 90, right: 60, top: 100, bottom: 30 },
  xAxis: { type: "value", axisLabel: { formatter: "{value} ×" } },
  yAxis: { type: "category", inverse: true, data: categories },
  series: series.map(({ name, values }) => ({
    type: "bar",
    name,
    data: values,
    barGap: "10%",
    label: { show: true, position: "right", fontSize: 10, formatter: "{c}" },
  })),
});
process.stdout.write(chart.renderToSVGString());
// Its timers would keep the process.
chart.dispose();
