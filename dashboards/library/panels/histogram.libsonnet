// The distribution of values.
local theme = import '../theme.libsonnet';

{
  words: { histogram: 'The distribution of the values of many series.' },
  grafana: { type: 'histogram', name: 'Histogram', public: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 6,
  options: theme.legendOptions {
    buckets: { description: 'The approximate number of columns.', type: 'integer', minimum: 2, maximum: 200, default: 30 },
    combine: { description: 'Count all series together.', type: 'boolean', default: true },
  },
  example: {
    histogram: 'scrape_duration_seconds',
    title: 'How long scrapes take',
    description: 'The distribution of scrape durations in the time range.',
    buckets: 20,
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.queried(spec, 'histogram', 'range', {
      fieldConfig: theme.fieldConfig(spec, { mode: 'palette-classic' }, {
        fillOpacity: 70,
        gradientMode: 'none',
        lineWidth: 1,
        hideFrom: { legend: false, tooltip: false, viz: false },
      }),
      options: {
        bucketCount: theme.get(options, 'buckets', 30),
        bucketOffset: 0,
        combine: theme.get(options, 'combine', true),
        legend: theme.legend(spec) + (if theme.get(options, 'combine', true) then { showLegend: false } else {}),
        tooltip: { mode: 'single', sort: 'none' },
      },
    }),
}
