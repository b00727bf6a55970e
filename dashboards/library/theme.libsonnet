// How everything looks, decided once. A panel file asks here for what all panels share.
//
// A panel is described by a plain object (README.md lists its fields); the functions below turn parts of it into
// parts of Grafana's model. Only standard functions that every Jsonnet engine has are used.
{
  datasource: { type: 'prometheus', uid: '${datasource}' },

  colors: { good: 'green', attention: 'orange', bad: 'red', plain: 'text', neutral: 'blue', unknown: '#73767e' },

  get(object, field, default):: if std.objectHas(object, field) && object[field] != null then object[field] else default,

  // What every panel has, whatever its type.
  panel(spec, type, rest):: {
    id: spec.id,
    type: type,
    title: $.get(spec, 'title', ''),
    description: $.get(spec, 'description', ''),
    gridPos: spec.grid,
    [if $.get(spec, 'transparent', false) then 'transparent']: true,
  } + rest,

  // A panel that asks Prometheus. mode: 'range', 'instant' or 'table'.
  queried(spec, type, mode, rest):: $.panel(spec, type, {
    datasource: $.datasource,
    targets: [$.target(query, mode) for query in spec.queries],
  } + rest),

  target(query, mode):: {
    refId: query.ref,
    datasource: $.datasource,
    editorMode: 'code',
    expr: query.expr,
    legendFormat: $.get(query, 'legend', '__auto'),
    range: mode == 'range',
    instant: mode != 'range',
    format: if mode == 'table' then 'table' else 'time_series',
  },

  // Colours of values by their thresholds: {low, high, critical}, each of which may be absent. With bad: 'down' it
  // gets worse below `low` and bad below `critical`; otherwise above `high` and above `critical`.
  steps(spec)::
    local limits = $.get(spec, 'thresholds', {});
    local has(word) = std.objectHas(limits, word);
    local step(color, value) = { color: color, value: value };
    local when(word, color) = if has(word) then [step(color, limits[word])] else [];
    if limits == {} then [step($.colors.plain, null)]
    else if $.get(spec, 'bad', 'up') == 'down' then
      [step(if has('critical') then $.colors.bad else $.colors.attention, null)]
      + (if has('low') then when('critical', $.colors.attention) else [])
      + (if has('low') then when('low', $.colors.good) else when('critical', $.colors.good))
    else
      [step(if has('low') then $.colors.attention else $.colors.good, null)]
      + when('low', $.colors.good) + when('high', $.colors.attention) + when('critical', $.colors.bad),

  thresholds(spec):: { mode: 'absolute', steps: $.steps(spec) },

  hasThresholds(spec):: $.get(spec, 'thresholds', {}) != {},

  // The colour that a value has by the thresholds.
  colorOf(spec, value)::
    std.foldl(function(color, step) if step.value != null && value >= step.value then step.color else color,
              $.steps(spec), $.steps(spec)[0].color),

  // Words for single values, such as {"0": "Down", "1": "Up"}. They carry their colours, since a state timeline that is
  // coloured by thresholds writes these in place of the words.
  mappings(spec)::
    local values = $.get(spec, 'values', {});
    local names = std.objectFields(values);
    local word(i) = {
      text: values[names[i]],
      index: i,
      [if $.hasThresholds(spec) then 'color']: $.colorOf(spec, std.parseJson(names[i])),
    };
    if names == [] then [] else [{
      type: 'value',
      options: { [names[i]]: word(i) for i in std.range(0, std.length(names) - 1) },
    }],

  // No data is no good news: it has none of the thresholds' colours.
  nothing(spec):: [{
    type: 'special',
    options: { match: 'null+nan', result: { text: $.get(spec, 'nothing', 'No data'), color: $.colors.unknown, index: 99 } },
  }],

  // The fields of a panel: unit, colours, limits. `color` is Grafana's colour mode; `custom` and `extra`,
  // which are mappings, are what the type adds.
  fieldConfig(spec, color, custom={}, extra=[]):: {
    defaults: {
      unit: $.get(spec, 'unit', 'short'),
      color: color,
      thresholds: $.thresholds(spec),
      mappings: $.mappings(spec) + extra,
      [if std.objectHas(spec, 'decimals') then 'decimals']: spec.decimals,
      [if std.objectHas(spec, 'min') then 'min']: spec.min,
      [if std.objectHas(spec, 'max') then 'max']: spec.max,
      [if std.objectHas(spec, 'nothing') then 'noValue']: spec.nothing,
      [if std.objectHas(spec, 'link') then 'links']: [$.link(spec.link, function(label) '__field.labels.' + label)],
      [if custom != {} then 'custom']: custom,
    },
    overrides: std.flattenArrays([$.queryOverride(spec, query) for query in $.get(spec, 'queries', [])])
               + $.colorOverrides(spec),
  },

  // A query that differs from its panel in unit, limits or words says so for its own series.
  queryOverride(spec, query)::
    local properties = $.differences(spec, query);
    if properties == [] then [] else [{ matcher: { id: 'byFrameRefID', options: query.ref }, properties: properties }],

  differences(spec, query):: std.flattenArrays([
    if std.objectHas(query, 'unit') && query.unit != $.get(spec, 'unit', null)
    then [{ id: 'unit', value: query.unit }] else [],
    if std.objectHas(query, 'thresholds') then [{ id: 'thresholds', value: $.thresholds(query) }] else [],
    if std.objectHas(query, 'values') then [{ id: 'mappings', value: $.mappings(query) }] else [],
    if std.objectHas(query, 'decimals') then [{ id: 'decimals', value: query.decimals }] else [],
    if $.get(query, 'below', false) then [{ id: 'custom.transform', value: 'negative-Y' }] else [],
  ]),

  // Series that always have the same colour, by name; ^5.. is a pattern.
  colorOverrides(spec):: [
    {
      matcher: if std.startsWith(name, '^') then { id: 'byRegexp', options: '/' + name + '/' }
      else { id: 'byName', options: name },
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: spec.colors[name] } }],
    }
    for name in std.objectFields($.get(spec, 'colors', {}))
  ],

  // A click opens another dashboard, with the same span of time and the labels of what was clicked on. `valueOf` says
  // how Grafana calls the value of a label there.
  link(link, valueOf):: {
    title: 'Open ' + link.title,
    targetBlank: false,
    url: '/d/' + link.uid + '?${__url_time_range}'
         + std.join('', ['&var-' + label + '=${' + valueOf(label) + ':percentencode}' for label in link.labels]),
  },

  // One number out of a series: its last one.
  reduce: { calcs: ['lastNotNull'], fields: '', values: false },

  // A legend only where there is something to tell apart.
  legend(spec)::
    local options = $.get(spec, 'options', {});
    local at = $.get(options, 'legend_at', 'bottom');
    local values = $.get(options, 'legend_values', []);
    local several = std.length(spec.queries) > 1
                    || std.length([q for q in spec.queries if std.length(std.findSubstr('{{', $.get(q, 'legend', '{{'))) > 0]) > 0;
    {
      showLegend: several && at != 'hidden',
      displayMode: if values == [] && at != 'right' then 'list' else 'table',
      placement: if at == 'right' then 'right' else 'bottom',
      calcs: [$.calculations[word] for word in values],
      [if values != [] then 'sortBy']: { last: 'Last *', mean: 'Mean', max: 'Max', min: 'Min', total: 'Total' }[values[0]],
      [if values != [] then 'sortDesc']: true,
    },

  calculations: { last: 'lastNotNull', mean: 'mean', max: 'max', min: 'min', total: 'sum' },

  // The description of the two keys above, for the panel types that have a legend.
  legendOptions: {
    legend_at: {
      description: 'Where the names of the series stand.',
      enum: ['bottom', 'right', 'hidden'],
      default: 'bottom',
    },
    legend_values: {
      description: 'Figures beside each name: the last value, the mean, the highest, the lowest, the total.',
      type: 'array',
      items: { enum: ['last', 'mean', 'max', 'min', 'total'] },
    },
  },
}
