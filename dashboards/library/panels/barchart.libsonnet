// Current values as a column per value of a label.
local theme = import '../theme.libsonnet';

local capital(word) = std.asciiUpper(std.substr(word, 0, 1)) + std.substr(word, 1, std.length(word) - 1);
local titleOf(label) = capital(std.strReplace(label, '_', ' '));

// The results become a table with one row per value of the first label in `by` and one column per query, or per value
// of the label `across`.
local shaped(spec, across) =
  local label = spec.by[0];
  local value(query) = if std.length(spec.queries) == 1 then 'Value' else 'Value #' + query.ref;
  if across != '' then [
    { id: 'groupingToMatrix', options: { columnField: across, rowField: label, valueField: 'Value', emptyValue: 'null' } },
    { id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: { [label + '\\' + across]: titleOf(label) } } },
  ] else (if std.length(spec.queries) > 1 then [{ id: 'merge', options: {} }] else []) + [
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: { [label]: 0 } + { [value(spec.queries[i])]: i + 1 for i in std.range(0, std.length(spec.queries) - 1) },
        renameByName: { [label]: titleOf(label) } + { [value(query)]: query.title for query in spec.queries },
      },
    },
  ] + (
    if !std.objectHas(spec, 'top') then [] else [
      { id: 'sortBy', options: { fields: {}, sort: [{ field: spec.queries[0].title, desc: !theme.get(spec.options, 'ascending', false) }] } },
      { id: 'limit', options: { limitField: spec.top } },
    ]
  );

{
  words: { columns: 'The current values, one column per value of the first label in `by`; several queries are grouped side by side.' },
  called: { barchart: 'columns', barChart: 'columns', bar_chart: 'columns', column: 'columns' },
  grafana: { type: 'barchart', name: 'Bar chart', public: true, palette: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'table',
  height: 8,
  width: 6,
  options: theme.legendOptions {
    across: { description: 'A second label, whose values are grouped side by side.', '$ref': '#/$defs/label_name' },
    stack: { description: 'Stack the columns; percent shows shares.', enum: [true, false, 'percent'], default: false },
    direction: { description: 'The direction of the bars.', enum: ['right', 'up'], default: 'up' },
    show: { description: 'Whether values are shown at the bars.', enum: ['auto', 'always', 'never'], default: 'auto' },
    axis_title: { description: 'The title of the axis.', type: 'string', examples: ['Orders per second'] },
  },
  example: {
    columns: [{ show: 'sum by (handler) (increase(http_requests_total[1h]))', title: 'Requests' }],
    title: 'Requests by handler',
    description: 'Requests of the last hour.',
    by: ['handler'],
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local across = theme.get(options, 'across', '');
    local stack = theme.get(options, 'stack', false);
    local several = across != '' || std.length(spec.queries) > 1;
    local color = if theme.hasThresholds(spec) && !several then { mode: 'thresholds' } else { mode: 'palette-classic' };
    // A column is identified by its title; its unit is the panel's by default.
    local override(query) =
      local properties = theme.differences(spec, query) + theme.looks(query);
      if properties == [] || across != '' then [] else [{ matcher: { id: 'byName', options: query.title }, properties: properties }];
    theme.queried(spec, 'barchart', 'table', {
      fieldConfig: theme.fieldConfig({ queries:: [], min: 0 } + spec { queries: [] }, color, {
        lineWidth: 1,
        fillOpacity: 75,
        gradientMode: 'none',
        axisPlacement: 'auto',
        axisLabel: theme.get(options, 'axis_title', ''),
        axisColorMode: 'text',
        axisBorderShow: false,
        axisCenteredZero: false,
        hideFrom: { legend: false, tooltip: false, viz: false },
        scaleDistribution: { type: 'linear' },
        thresholdsStyle: { mode: 'off' },
      }) + { overrides: std.flattenArrays([override(query) for query in spec.queries]) + theme.colorOverrides(spec) + theme.seriesOverrides(spec) },
      options: {
        xField: titleOf(spec.by[0]),
        orientation: if theme.get(options, 'direction', 'up') == 'right' then 'horizontal' else 'vertical',
        barRadius: 0,
        barWidth: 0.9,
        groupWidth: 0.8,
        fullHighlight: false,
        showValue: theme.get(options, 'show', 'auto'),
        stacking: if stack == 'percent' then 'percent' else if stack then 'normal' else 'none',
        xTickLabelMaxLength: 24,
        xTickLabelRotation: 0,
        xTickLabelSpacing: 0,
        legend: theme.legend(spec) + { showLegend: several && theme.get(options, 'legend_at', 'bottom') != 'hidden' },
        tooltip: { mode: 'single', sort: 'none' },
      },
      transformations: shaped(spec, across),
    }),
}
