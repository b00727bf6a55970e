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
    compared_to: {
      description: 'Add, for each value, that of this long ago and the change since, with an arrow: green where it is good, by `bad`, else red.',
      '$ref': '#/$defs/duration',
      examples: ['7d'],
    },
    limit_text: {
      description: 'Add a tile for each value with limits that says which it exceeds, such as: above 80%.',
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

  // A query whose value is the number of limits that another query exceeds, and the texts for these numbers.
  limitsOf(query)::
    local limits = query.limits;
    local down = limits.bad == 'down';
    local names = [name for name in (if down then ['low', 'critical'] else ['high', 'critical']) if std.objectHas(limits.numbers, name)];
    local exceeded(name) = '((%s) %s bool %s)' % [query.expr, if down then '<' else '>=', limits.numbers[name]];
    local colors = { low: theme.colors.attention, high: theme.colors.attention, critical: theme.colors.bad };
    local text(i) =
      if i == 0 then { text: (if down then 'at least ' else 'below ') + limits.texts[names[0]], color: theme.colors.good }
      else { text: (if down then 'below ' else 'above ') + limits.texts[names[i - 1]], color: colors[names[i - 1]] };
    local ref = query.ref + '_limit';
    {
      has: names != [],
      target: { ref: ref, expr: std.join(' + ', [exceeded(name) for name in names]), legend: query.legend, query_type: 'instant' },
      override: {
        matcher: { id: 'byFrameRefID', options: ref },
        properties: [
          { id: 'mappings', value: [{ type: 'value', options: { [std.toString(i)]: text(i) + { index: i } for i in std.range(0, std.length(names)) } }] },
          { id: 'unit', value: 'none' },
        ],
      },
    },

  // Three queries for another one: its value of a while ago, and the change since, upwards or downwards.
  comparisonOf(query, spec, ago)::
    local bad = theme.get(query, 'bad', theme.get(spec, 'bad', ''));
    // A subquery: any expression can have an offset then.
    local before = 'last_over_time((%s)[5m:1m] offset %s)' % [query.expr, ago];
    local change = '(%s) / (%s != 0) - 1' % [query.expr, before];
    local target(suffix, expr, legend) = { ref: query.ref + suffix, expr: expr, legend: legend, query_type: 'instant' };
    local override(suffix, properties) = { matcher: { id: 'byFrameRefID', options: query.ref + suffix }, properties: properties };
    local colored(color) = [
      { id: 'unit', value: 'percentunit' },
      { id: 'decimals', value: 1 },
      { id: 'mappings', value: [] },
      { id: 'color', value: { mode: 'fixed', fixedColor: color } },
    ];
    local colors = { up: [theme.colors.bad, theme.colors.good], down: [theme.colors.good, theme.colors.bad], '': ['text', 'text'] }[bad];
    {
      targets: [
        target('_before', before, ago + ' ago ' + query.legend),
        target('_rise', '(%s) >= 0' % change, '▲ ' + query.legend),
        target('_fall', '(%s) < 0' % change, '▼ ' + query.legend),
      ],
      overrides: [
        override('_before', [{ id: 'unit', value: theme.get(query, 'unit', 'short') }, { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } }]),
        override('_rise', colored(colors[0])),
        override('_fall', colored(colors[1])),
      ],
    },

  panel(spec)::
    local ago = theme.get(theme.get(spec, 'options', {}), 'compared_to', '');
    local compared = if ago == '' then [] else [$.comparisonOf(query, spec, ago) for query in spec.queries];
    local limits = [each for each in [$.limitsOf(query) for query in spec.queries if std.objectHas(query, 'limits')] if each.has];
    local options = theme.get(spec, 'options', {});
    local trend = theme.get(options, 'trend', false);
    local change = theme.get(options, 'change', false);
    local bad = theme.get(spec, 'bad', theme.get(spec.queries[0], 'bad', ''));
    local panel = theme.queried(spec, 'stat', if trend || change then 'range' else 'instant', {
      fieldConfig: theme.fieldConfig(spec, { mode: 'thresholds' }, {}, theme.nothing(spec)),
      options: {
        colorMode: theme.get(options, 'color', 'value'),
        graphMode: if trend then 'area' else 'none',
        justifyMode: 'auto',
        // The text of a limit is below its value: beside it, both would be too small on a narrow card.
        orientation: if limits == [] then 'auto' else 'horizontal',
        // Where no direction is bad, a rise is neither good nor bad.
        percentChangeColorMode: if !change || bad == 'down' then 'standard' else if bad == 'up' then 'inverted' else 'same_as_value',
        reduceOptions: theme.reduce,
        showPercentChange: change,
        textMode: theme.get(options, 'show', 'auto'),
        wideLayout: std.length(spec.queries) == 1 && limits == [] && compared == [],  // tiles have their name above the value, whatever their width
      } + theme.figures(spec, 60),
    });
    local targets = [each.target for each in limits] + std.flattenArrays([each.targets for each in compared]);
    if targets == [] then panel else panel {
      targets+: [theme.target(target, 'instant', theme.source(spec)) for target in targets],
      fieldConfig+: { overrides+: [each.override for each in limits] + std.flattenArrays([each.overrides for each in compared]) },
    },
}
