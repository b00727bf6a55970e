// A current value as a large number.
local theme = import '../theme.libsonnet';

{
  words: { stat: 'The current value, as a large number.' },
  called: { singlestat: 'stat', number: 'stat', value: 'stat' },
  grafana: {
    type: 'stat', name: 'Stat', public: true, figure: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'instant',
  height: 4,
  width: 3,
  options: {
    trend: { description: 'Draw the history of the value in the background.', type: 'boolean', default: false },
    change: {
      description: 'Show the change over the time range, in percent: green where it is good, by `bad`, else red.',
      type: 'boolean',
      default: false,
    },
    color: {
      description: 'What the thresholds colour: the number, the whole tile, or nothing.',
      enum: ['value', 'background', 'none'],
      default: 'value',
    },
    show: {
      description: "The text to show: the value, the series name, or both.",
      enum: ['auto', 'value', 'name', 'value_and_name'],
      default: 'auto',
    },
  },
  example: { stat: 'up', title: 'Targets', description: 'Targets that Prometheus scrapes.', color: 'background' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local trend = theme.get(options, 'trend', false);
    local change = theme.get(options, 'change', false);
    local bad = theme.get(spec, 'bad', theme.get(spec.queries[0], 'bad', ''));
    theme.queried(spec, 'stat', if trend || change then 'range' else 'instant', {
      fieldConfig: theme.fieldConfig(spec, { mode: 'thresholds' }, {}, theme.nothing(spec)),
      options: {
        colorMode: theme.get(options, 'color', 'value'),
        graphMode: if trend then 'area' else 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        // Where no direction is bad, a rise is neither good nor bad.
        percentChangeColorMode: if !change || bad == 'down' then 'standard' else if bad == 'up' then 'inverted' else 'same_as_value',
        reduceOptions: theme.reduce,
        showPercentChange: change,
        textMode: theme.get(options, 'show', 'auto'),
        wideLayout: std.length(spec.queries) == 1,  // tiles have their name above the value, whatever their width
      } + theme.figures(spec, 60),
    }),
}
