// Lines of logs, as Loki holds them.
local theme = import '../theme.libsonnet';

{
  words: { logs: "Lines of logs, asked for in Loki's words: {service=\"shop\"} |= \"error\"." },
  called: { log: 'logs', loki: 'logs' },
  grafana: {
    type: 'logs', name: 'Logs', public: true,
    since: { 'options.displayedFields': { version: '11.2' } },
  },
  content: { description: 'LogQL, or a list of it.', type: ['string', 'array'], minLength: 1, minItems: 1, items: { type: 'string', minLength: 1 } },
  queries: '',
  source: 'loki',
  height: 10,
  width: 8,
  options: {
    most: { description: 'Show so many lines at most.', type: 'integer', minimum: 1, maximum: 5000, default: 500 },
    oldest_first: { description: 'Begin with the oldest line.', type: 'boolean', default: false },
    labels: { description: 'Write the labels before each line.', type: 'boolean', default: false },
    wrap: { description: 'Break long lines.', type: 'boolean', default: true },
    pretty: { description: 'Lay out JSON over several lines.', type: 'boolean', default: false },
    once: {
      description: 'Show lines that are alike only once: exactly alike, but for numbers, or but for words.',
      enum: ['exact', 'numbers', 'signature'],
    },
  },
  example: {
    logs: '{service="shop"} |= "error"',
    title: 'Errors',
    description: 'What the shop writes when something fails.',
    most: 200,
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local datasource = spec.datasource;
    local asked = if std.isArray(spec.content) then spec.content else [spec.content];
    theme.panel(spec, 'logs', {
      datasource: datasource,
      targets: [
        {
          refId: std.char(65 + i),
          datasource: datasource,
          editorMode: 'code',
          expr: asked[i],
          queryType: 'range',
          maxLines: theme.get(options, 'most', 500),
        }
        for i in std.range(0, std.length(asked) - 1)
      ],
      options: {
        showTime: true,
        showLabels: theme.get(options, 'labels', false),
        showCommonLabels: false,
        showLogContextToggle: true,
        wrapLogMessage: theme.get(options, 'wrap', true),
        prettifyLogMessage: theme.get(options, 'pretty', false),
        enableLogDetails: true,
        sortOrder: if theme.get(options, 'oldest_first', false) then 'Ascending' else 'Descending',
        dedupStrategy: theme.get(options, 'once', 'none'),
      },
    }),
}
