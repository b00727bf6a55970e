// How many observations of the displayed range are in each bucket of a histogram.
local theme = import '../theme.libsonnet';

{
  words: { distribution: 'The number of observations in each bucket of a histogram within the displayed range, not cumulated.' },
  grafana: { type: 'barchart', name: 'Bar chart', public: true },
  content: { '$ref': '#/$defs/query' },
  queries: 'buckets',
  height: 8,
  width: 6,
  options: {
    show: { description: 'Whether counts are shown at the bars.', enum: ['auto', 'always', 'never'], default: 'auto' },
    axis_title: { description: 'The title of the axis of counts.', type: 'string', examples: ['Requests'] },
  },
  example: {
    distribution: 'http_request_duration_seconds',
    title: 'Requests by duration',
    description: 'Requests of the displayed range by their duration, in seconds.',
    axis_title: 'Requests',
  },

  // In the format `heatmap`, Grafana sorts the series by `le` and subtracts each bucket from the next one.
  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.queried(spec, 'barchart', 'buckets', {
      fieldConfig: theme.fieldConfig({ min: 0 } + spec, { mode: 'fixed', fixedColor: theme.colors.neutral }, {
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
      }),
      options: {
        xField: 'Up to',
        orientation: 'vertical',
        barRadius: 0,
        barWidth: 0.97,
        groupWidth: 0.8,
        fullHighlight: false,
        showValue: theme.get(options, 'show', 'auto'),
        stacking: 'none',
        xTickLabelMaxLength: 24,
        xTickLabelRotation: 0,
        xTickLabelSpacing: 0,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
        tooltip: { mode: 'single', sort: 'none' },
      },
      transformations: [
        { id: 'reduce', options: { mode: 'seriesToRows', reducers: ['lastNotNull'] } },
        { id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: { Field: 'Up to', 'Last *': 'Count' } } },
      ],
    }),
}
