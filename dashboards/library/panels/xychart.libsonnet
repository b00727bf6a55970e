// Values against each other instead of over time: a scatter plot.
local theme = import '../theme.libsonnet';

{
  words: { xy: 'Current values against each other, one point per value of the labels in `by`: the first query is the x axis, each other one a series.' },
  called: { xychart: 'xy', xyChart: 'xy', xy_chart: 'xy', scatterplot: 'xy' },
  grafana: {
    type: 'xychart', name: 'XY Chart', public: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'table',
  height: 9,
  width: 8,
  options: theme.legendOptions {
    show: { description: 'Whether points, lines from point to point, or both are drawn.', enum: ['points', 'lines', 'both'], default: 'points' },
    point_size: { description: 'The diameter of a point, in pixels.', type: 'integer', minimum: 1, maximum: 100, default: 6 },
    axis_title: { description: 'The title of the y axis; the x axis has the title of the first query.', type: 'string', examples: ['Requests per second'] },
  },
  example: {
    xy: [{ show: 'node_load1', title: 'Load' }, { show: 'node_procs_blocked', title: 'Blocked' }],
    title: 'Load and blocked processes',
    description: 'Whether processes wait for disks where the load is high.',
    by: ['instance'],
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local value(query) = if std.length(spec.queries) == 1 then 'Value' else 'Value #' + query.ref;
    // A series is identified by its title.
    local override(query) =
      local properties = theme.differences(spec, query) + theme.looks(query);
      if properties == [] then [] else [{ matcher: { id: 'byName', options: query.title }, properties: properties }];
    theme.queried(spec, 'xychart', 'table', {
      // Without a version, Grafana from 11.1 on takes the options for those of 10.4 and converts them.
      pluginVersion: '11.1.0',
      fieldConfig: theme.fieldConfig({ queries:: [] } + spec { queries: [] }, { mode: 'palette-classic' }, {
        show: { points: 'points', lines: 'lines', both: 'points+lines' }[theme.get(options, 'show', 'points')],
        pointSize: { fixed: theme.get(options, 'point_size', 6) },
        lineWidth: 1,
        axisPlacement: 'auto',
        axisLabel: theme.get(options, 'axis_title', ''),
        axisColorMode: 'text',
        axisBorderShow: false,
        axisCenteredZero: false,
        hideFrom: { legend: false, tooltip: false, viz: false },
        scaleDistribution: { type: 'linear' },
      }) + { overrides: std.flattenArrays([override(query) for query in spec.queries]) + theme.colorOverrides(spec) + theme.seriesOverrides(spec) },
      options: {
        // The first number of the result is x, the others are series: with this mapping in every version, since 10.4
        // knows no other names for it and 11.1 has another form of the manual one.
        mapping: 'auto',
        series: [{}],
        legend: theme.legend(spec) + { showLegend: std.length(spec.queries) > 2 && theme.get(options, 'legend_at', 'bottom') != 'hidden' },
        tooltip: { mode: 'single', sort: 'none' },
      },
      transformations: (if std.length(spec.queries) > 1 then [{ id: 'merge', options: {} }] else []) + [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true },
            indexByName: { [value(spec.queries[i])]: i for i in std.range(0, std.length(spec.queries) - 1) },
            renameByName: { [value(query)]: query.title for query in spec.queries },
          },
        },
      ],
    }),
}
