// Log lines from Loki.
local theme = import '../theme.libsonnet';

{
  words: { logs: "Log lines, by LogQL: {service=\"shop\"} |= \"error\"." },
  called: { log: 'logs', loki: 'logs' },
  grafana: {
    type: 'logs', name: 'Logs', public: true,
  },
  content: { description: 'LogQL, or a list of it.', type: ['string', 'array'], minLength: 1, minItems: 1, items: { type: 'string', minLength: 1 } },
  queries: '',
  source: 'loki',
  height: 10,
  width: 8,
  options: {
    limit: { description: 'The maximum number of lines.', type: 'integer', minimum: 1, maximum: 5000, default: 500 },
    oldest_first: { description: 'Show the oldest line first.', type: 'boolean', default: false },
    labels: { description: 'Show the labels before each line.', type: 'boolean', default: false },
    wrap: { description: 'Wrap long lines.', type: 'boolean', default: true },
    pretty: { description: 'Format JSON over several lines.', type: 'boolean', default: false },
    once: {
      description: 'Show similar lines only once: identical, identical except for numbers, or except for words.',
      enum: ['exact', 'numbers', 'signature'],
    },
  },
  example: {
    logs: '{service="shop"} |= "error"',
    title: 'Errors',
    description: 'The error logs of the shop.',
    limit: 200,
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
          maxLines: theme.get(options, 'limit', 500),
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
