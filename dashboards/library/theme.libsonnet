// How everything looks, decided once. A panel file asks here for what all panels share.
//
// A panel is described by a plain object (README.md lists its fields); the functions below turn parts of it into
// parts of Grafana's model. Only standard functions that every Jsonnet engine has are used.
local transformations = import 'transformations.libsonnet';

{
  datasource: { type: 'prometheus', uid: '${datasource}' },

  // Okabe's and Ito's bluish green, orange, vermillion and blue: with any colour vision they are told apart, which
  // Grafana's own green, orange and red are not. No panel says anything by its colour alone.
  colors: { good: '#009E73', attention: '#E69F00', bad: '#D55E00', plain: 'text', neutral: '#0072B2', unknown: '#73767e' },

  get(object, field, default):: if std.objectHas(object, field) && object[field] != null then object[field] else default,

  // What every panel has, whatever its type.
  panel(spec, type, rest):: {
    id: spec.id,
    type: type,
    title: $.get(spec, 'title', ''),
    description: $.get(spec, 'description', ''),
    gridPos: spec.grid,
    [if $.get(spec, 'transparent', false) then 'transparent']: true,
    [if std.objectHas(spec, 'range') then 'timeFrom']: spec.range,
    [if std.objectHas(spec, 'shift') then 'timeShift']: spec.shift,
    [if std.objectHas(spec, 'min_interval') then 'interval']: spec.min_interval,
    [if std.objectHas(spec, 'max_points') then 'maxDataPoints']: spec.max_points,
    [if std.objectHas(spec, 'repeat') then 'repeat']: spec.repeat.label,
    [if std.objectHas(spec, 'repeat') then 'repeatDirection']: if spec.repeat.down then 'v' else 'h',
    [if std.objectHas(spec, 'repeat') && !spec.repeat.down then 'maxPerRow']: spec.repeat.per_row,
  } + rest + (
    // What is done to the answer by the panel's own type comes before what somebody wants done to the result.
    local steps = $.get(rest, 'transformations', []) + [transformations.step(one) for one in $.get(spec, 'transform', [])];
    { [if steps != [] then 'transformations']: steps }
  ),

  // A panel that asks for figures. mode: 'range', 'instant', 'table' or 'heatmap'.
  queried(spec, type, mode, rest):: $.panel(spec, type, {
    datasource: $.source(spec),
    targets: [$.target(query, mode, $.source(spec)) for query in spec.queries],
  } + rest),

  // The data source that a panel asks: Prometheus, unless it says another.
  source(spec):: $.get(spec, 'datasource', $.datasource),

  target(query, mode, datasource=$.datasource):: {
    refId: query.ref,
    datasource: datasource,
    editorMode: 'code',
    [if $.get(query, 'hidden', false) then 'hide']: true,
  } + (
    if std.objectHas(query, 'sql') then {
      rawSql: query.sql,
      rawQuery: true,
      format: if mode == 'range' then 'time_series' else 'table',
    }
    else if std.objectHas(query, 'logql') then {
      expr: query.logql,
      queryType: if mode == 'range' then 'range' else 'instant',
      legendFormat: $.get(query, 'legend', ''),
    }
    else {
      expr: query.expr,
      legendFormat: $.get(query, 'legend', '__auto'),
      local asked = $.get(query, 'query_type', mode),
      range: asked == 'range' || asked == 'heatmap',
      instant: !self.range,
      format: { table: 'table', heatmap: 'heatmap', range: 'time_series', instant: 'time_series' }[asked],
    }
  ),

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

  // Words for values, such as {"0": "Down", "1": "Up"}, or for spans of them, {"90..": "Full"}. They carry their colours,
  // since a state timeline that is coloured by thresholds writes these in place of the words.
  mappings(spec)::
    local values = $.get(spec, 'values', {});
    local names = std.objectFields(values);
    local spans(name) = std.length(std.findSubstr('..', name)) > 0;
    local number(text) = if text == '' then null else std.parseJson(text);
    local ends(name) = local at = std.findSubstr('..', name)[0]; {
      from: number(std.substr(name, 0, at)),
      to: number(std.substr(name, at + 2, std.length(name) - at - 2)),
    };
    // A span has the colour of its lower end; one that is open downwards that of the lowest values.
    local heightOf(name) = if spans(name) then ends(name).from else std.parseJson(name);
    local word(i) =
      local said = values[names[i]];
      local height = heightOf(names[i]);
      (if std.isObject(said) then said else { text: said }) + {
        index: i,
        [if !std.isObject(said) || !std.objectHas(said, 'color') then if $.hasThresholds(spec) then 'color']:
          if height == null then $.steps(spec)[0].color else $.colorOf(spec, height),
      };
    local indexes = if names == [] then [] else std.range(0, std.length(names) - 1);
    local single = { [names[i]]: word(i) for i in indexes if !spans(names[i]) };
    (if single == {} then [] else [{ type: 'value', options: single }])
    + [{ type: 'range', options: ends(names[i]) + { result: word(i) } } for i in indexes if spans(names[i])],

  // No data is no good news: it has none of the thresholds' colours.
  nothing(spec):: [{
    type: 'special',
    options: { match: 'null+nan', result: { text: $.get(spec, 'no_data_text', 'No data'), color: $.colors.unknown, index: 99 } },
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
      [if std.objectHas(spec, 'no_data_text') then 'noValue']: spec.no_data_text,
      [if $.dataLinks(spec) != [] then 'links']: $.dataLinks(spec),
      [if custom != {} then 'custom']: custom,
    },
    overrides: std.flattenArrays([$.queryOverride(spec, query) for query in $.get(spec, 'queries', [])])
               + $.colorOverrides(spec) + $.seriesOverrides(spec),
  },

  // What a click on a value opens: the dashboard of `link`, and the addresses of `links`.
  dataLinks(spec)::
    local valueOf = function(label) '__field.labels.' + label;
    (if std.objectHas(spec, 'link') then [$.link(spec.link, valueOf)] else []) + $.openings(spec, valueOf),

  openings(spec, valueOf):: [
    if std.objectHas(one, 'dashboard') then $.link(one.dashboard, valueOf) { title: one.title, targetBlank: one.new_tab }
    else { title: one.title, url: one.url, targetBlank: one.new_tab }
    for one in $.get(spec, 'links', [])
  ],

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
    if std.objectHas(query, 'link') then [{ id: 'links', value: [$.link(query.link, function(label) '__field.labels.' + label)] }] else [],
  ]) + $.looks(query),

  // How a series is drawn where it differs from the others: {color, style, axis, below, hidden}.
  looks(said):: std.flattenArrays([
    if std.objectHas(said, 'color') then [{ id: 'color', value: { mode: 'fixed', fixedColor: said.color } }] else [],
    if std.objectHas(said, 'style') then $.styles[said.style] else [],
    if std.objectHas(said, 'axis') then [{ id: 'custom.axisPlacement', value: said.axis }] else [],
    if $.get(said, 'negative_y', false) then [{ id: 'custom.transform', value: 'negative-Y' }] else [],
  ]),

  // One series among others: what it looks like, as properties of an override.
  styles: {
    local drawn(how, fill) = [{ id: 'custom.drawStyle', value: how }, { id: 'custom.fillOpacity', value: fill }],
    line: drawn('line', 0),
    area: drawn('line', 35),
    bars: drawn('bars', 70),
    points: drawn('points', 0),
    steps: drawn('line', 0) + [{ id: 'custom.lineInterpolation', value: 'stepAfter' }],
    dashed: drawn('line', 0) + [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }, { id: 'custom.stacking', value: { group: 'A', mode: 'none' } }],
  },

  // Series that always have the same colour, by name; ^5.. is a pattern.
  colorOverrides(spec):: [
    {
      matcher: $.named(name),
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: spec.colors[name] } }],
    }
    for name in std.objectFields($.get(spec, 'colors', {}))
  ],

  named(name):: if std.startsWith(name, '^') then { id: 'byRegexp', options: '/' + name + '/' } else { id: 'byName', options: name },

  // Series that differ from the others, by name: {color, style, axis, below, unit, decimals, min, max, title, hidden}.
  seriesOverrides(spec)::
    local all = $.get(spec, 'series', {});
    local plain(said) = [
      { id: { title: 'displayName' }[key], value: said[key] }
      for key in ['title']
      if std.objectHas(said, key)
    ] + [
      { id: key, value: said[key] }
      for key in ['unit', 'decimals', 'min', 'max']
      if std.objectHas(said, key)
    ] + (
      if $.get(said, 'hidden', false) then [{ id: 'custom.hideFrom', value: { legend: true, tooltip: true, viz: true } }] else []
    );
    [{ matcher: $.named(name), properties: $.looks(all[name]) + plain(all[name]) } for name in std.objectFields(all)],

  // A click opens another dashboard, with the same span of time and the labels of what was clicked on. `valueOf` says
  // how Grafana calls the value of a label there.
  link(link, valueOf):: {
    title: 'Open ' + link.title,
    targetBlank: false,
    url: '/d/' + link.uid + '?${__url_time_range}'
         + std.join('', ['&var-' + label + '=${' + valueOf(label) + ':percentencode}' for label in link.labels]),
  },

  // How large figures are written, in pixels, where they shall be read from afar or on a phone; Grafana's own choice is
  // 50 at most.
  figures(spec, value):: if $.get(spec, 'large', false) then { text: { titleSize: 20, valueSize: value } } else {},

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
