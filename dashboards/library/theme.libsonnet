// The style that all panel files share.
//
// A panel is described by a plain object (README.md lists its fields); the functions below convert parts of it to
// parts of Grafana's model. They use only standard functions that every Jsonnet engine has.
local transformations = import 'transformations.libsonnet';

{
  datasource: { type: 'prometheus', uid: '${datasource}' },

  // Bluish green, orange, vermillion and blue by Okabe and Ito, which can be distinguished with any colour vision,
  // unlike Grafana's green, orange and red. No panel conveys anything by colour alone. `alert` is the faint purple of
  // the lines at which alerts started: no threshold has it.
  colors: { good: '#009E73', attention: '#E69F00', bad: '#D55E00', plain: 'text', neutral: '#0072B2', unknown: '#73767e', alert: 'rgba(204, 121, 167, 0.5)' },

  // `in` and not a standard function: this is called a hundred times for each panel.
  get(object, field, default):: if field in object && object[field] != null then object[field] else default,

  // The fields of every panel.
  panel(spec, type, rest):: {
    id: spec.id,
    type: type,
    // The oldest version that reads this form. Without it, Grafana migrates the panel as if 6.1 had written it: it gives
    // shares a maximum of 100 %, so that small bars look empty.
    pluginVersion: '10.4.0',
    title: $.get(spec, 'title', ''),
    description: $.get(spec, 'description', ''),
    gridPos: spec.grid,
    // Grafana writes it for every panel, also where the type has no settings for fields.
    fieldConfig: { defaults: {}, overrides: [] },
    [if $.get(spec, 'transparent', false) then 'transparent']: true,
    [if std.objectHas(spec, 'range') then 'timeFrom']: spec.range,
    [if std.objectHas(spec, 'shift') then 'timeShift']: spec.shift,
    [if std.objectHas(spec, 'min_interval') then 'interval']: spec.min_interval,
    [if std.objectHas(spec, 'max_points') then 'maxDataPoints']: spec.max_points,
    [if std.objectHas(spec, 'repeat') then 'repeat']: spec.repeat.label,
    [if std.objectHas(spec, 'repeat') then 'repeatDirection']: if spec.repeat.down then 'v' else 'h',
    [if std.objectHas(spec, 'repeat') && !spec.repeat.down then 'maxPerRow']: spec.repeat.per_row,
  } + rest + (
    // Transformations of the panel type run before those of the user.
    local steps = $.get(rest, 'transformations', []) + [transformations.step(one) for one in $.get(spec, 'transform', [])];
    { [if steps != [] then 'transformations']: steps }
  ),

  // A panel with queries. mode: 'range', 'instant', 'table', 'heatmap' or 'buckets'.
  queried(spec, type, mode, rest):: $.panel(spec, type, {
    datasource: $.source(spec),
    targets: [$.target(query, mode, $.source(spec)) for query in spec.queries],
  } + rest),

  // The data source of a panel, by default Prometheus.
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
      local queryType = $.get(query, 'query_type', mode),
      local ranged = queryType == 'range' || queryType == 'heatmap',
      range: ranged,
      instant: !ranged,
      [if $.get(query, 'exemplars', false) then 'exemplar']: ranged,
      format: { table: 'table', heatmap: 'heatmap', buckets: 'heatmap', range: 'time_series', instant: 'time_series' }[queryType],
    }
  ),

  // Threshold steps of {low, high, critical}, each optional. With bad: 'down', values need attention below `low` and are
  // bad below `critical`; otherwise above `high` and above `critical`.
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

  // The threshold colour of a value.
  colorOf(spec, value)::
    std.foldl(function(color, step) if step.value != null && value >= step.value then step.color else color,
              $.steps(spec), $.steps(spec)[0].color),

  // Texts for values, such as {"0": "Down", "1": "Up"}, or for ranges, {"90..": "Full"}. They include their colours,
  // because a state timeline coloured by thresholds would show the thresholds instead of the texts.
  mappings(spec)::
    local values = $.get(spec, 'values', {});
    local names = std.objectFields(values);
    local spans(name) = std.length(std.findSubstr('..', name)) > 0;
    local number(text) = if text == '' then null else std.parseJson(text);
    local ends(name) = local at = std.findSubstr('..', name)[0]; {
      from: number(std.substr(name, 0, at)),
      to: number(std.substr(name, at + 2, std.length(name) - at - 2)),
    };
    // A range has the colour of its lower end; a range without lower end has the colour of the lowest values.
    local heightOf(name) = if spans(name) then ends(name).from else std.parseJson(name);
    local word(i) =
      local text = values[names[i]];
      local height = heightOf(names[i]);
      (if std.isObject(text) then text else { text: text }) + {
        index: i,
        [if !std.isObject(text) || !std.objectHas(text, 'color') then if $.hasThresholds(spec) then 'color']:
          if height == null then $.steps(spec)[0].color else $.colorOf(spec, height),
      };
    local indexes = if names == [] then [] else std.range(0, std.length(names) - 1);
    local single = { [names[i]]: word(i) for i in indexes if !spans(names[i]) };
    (if single == {} then [] else [{ type: 'value', options: single }])
    + [{ type: 'range', options: ends(names[i]) + { result: word(i) } } for i in indexes if spans(names[i])],

  // Missing data is not a good state: it has none of the threshold colours.
  nothing(spec):: [{
    type: 'special',
    options: { match: 'null+nan', result: { text: $.get(spec, 'no_data_text', 'No data'), color: $.colors.unknown, index: 99 } },
  }],

  // An empty cell of a table has no colour either, and NaN is no figure.
  blank:: [{ type: 'special', options: { match: 'null+nan', result: { text: '', color: 'transparent', index: 99 } } }],

  // The field configuration of a panel: unit, colours, thresholds. `color` is Grafana's colour mode; the type adds
  // `custom` and `extra`, which are value mappings.
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

  // The links of a value: the dashboard of `link` and the URLs of `links`.
  dataLinks(spec)::
    local valueOf = function(label) '__field.labels.' + label;
    (if std.objectHas(spec, 'link') then [$.link(spec.link, valueOf)] else []) + $.openings(spec, valueOf),

  openings(spec, valueOf):: [
    if std.objectHas(one, 'dashboard') then $.link(one.dashboard, valueOf) { title: one.title, targetBlank: one.new_tab }
    else { title: one.title, url: one.url, targetBlank: one.new_tab }
    for one in $.get(spec, 'links', [])
  ],

  // Overrides for the series of a query whose unit, thresholds or mappings differ from the panel's.
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

  // Override properties of a series: {color, style, axis, negative_y}.
  looks(options):: std.flattenArrays([
    if std.objectHas(options, 'color') then [{ id: 'color', value: { mode: 'fixed', fixedColor: options.color } }] else [],
    // Grafana fills with a transparent colour as with black, so that a series which only moves the next one needs more.
    if $.get(options, 'color', '') == 'transparent' then [
      { id: 'custom.fillOpacity', value: 0 },
      { id: 'custom.lineWidth', value: 0 },
      { id: 'custom.hideFrom', value: { legend: true, tooltip: true, viz: false } },
    ] else [],
    if std.objectHas(options, 'style') then $.styles[options.style] else [],
    if std.objectHas(options, 'axis') then [{ id: 'custom.axisPlacement', value: options.axis }] else [],
    if $.get(options, 'negative_y', false) then [{ id: 'custom.transform', value: 'negative-Y' }] else [],
  ]),

  // The styles of a series, as override properties.
  styles: {
    local drawn(how, fill) = [{ id: 'custom.drawStyle', value: how }, { id: 'custom.fillOpacity', value: fill }],
    line: drawn('line', 0),
    area: drawn('line', 35),
    bars: drawn('bars', 70),
    points: drawn('points', 0),
    steps: drawn('line', 0) + [{ id: 'custom.lineInterpolation', value: 'stepAfter' }],
    dashed: drawn('line', 0) + [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }, { id: 'custom.stacking', value: { group: 'A', mode: 'none' } }],
  },

  // Series with a fixed colour, by name; ^5.. is a pattern.
  colorOverrides(spec):: [
    {
      matcher: $.named(name),
      properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: spec.colors[name] } }],
    }
    for name in std.objectFields($.get(spec, 'colors', {}))
  ],

  named(name):: if std.startsWith(name, '^') then { id: 'byRegexp', options: '/' + name + '/' } else { id: 'byName', options: name },

  // Overrides by series name: {color, style, axis, negative_y, unit, decimals, min, max, title, hidden}.
  seriesOverrides(spec)::
    local all = $.get(spec, 'series', {});
    local plain(options) = [
      { id: { title: 'displayName' }[key], value: options[key] }
      for key in ['title']
      if std.objectHas(options, key)
    ] + [
      { id: key, value: options[key] }
      for key in ['unit', 'decimals', 'min', 'max']
      if std.objectHas(options, key)
    ] + (
      if $.get(options, 'hidden', false) then [{ id: 'custom.hideFrom', value: { legend: true, tooltip: true, viz: true } }] else []
    );
    [{ matcher: $.named(name), properties: $.looks(all[name]) + plain(all[name]) } for name in std.objectFields(all)],

  // A link to another dashboard with the same time range and the labels of the clicked value. `valueOf` returns the
  // name of Grafana's variable for the value of a label.
  link(link, valueOf):: {
    title: 'Open ' + link.title,
    targetBlank: false,
    url: '/d/' + link.uid + '?${__url_time_range}'
         + std.join('', ['&var-' + label + '=${' + valueOf(label) + ':percentencode}' for label in link.labels]),
  },

  // Text sizes in pixels for walls. On a phone the automatic size fits; a fixed one would be cut off.
  figures(spec, value):: if $.get(spec, 'large', false) && !$.get(spec, 'phone', false) then { text: { titleSize: 20, valueSize: value } } else {},

  // Reduce a series to its last value.
  reduce: { calcs: ['lastNotNull'], fields: '', values: false },

  // A legend, only for several series. `usual` are the calculations beside each name by default.
  legend(spec, usual=[])::
    local options = $.get(spec, 'options', {});
    local at = $.get(options, 'legend_at', 'bottom');
    local values = $.get(options, 'legend_values', usual);
    local highest = if std.member(values, 'max') && values == usual then 'max' else if values != [] then values[0];
    local several = std.length(spec.queries) > 1
                    || std.length([q for q in spec.queries if std.length(std.findSubstr('{{', $.get(q, 'legend', '{{'))) > 0]) > 0;
    {
      showLegend: several && at != 'hidden',
      displayMode: if values == [] && at != 'right' then 'list' else 'table',
      placement: if at == 'right' then 'right' else 'bottom',
      calcs: [$.calculations[word] for word in values],
      [if values != [] then 'sortBy']: { last: 'Last *', mean: 'Mean', max: 'Max', min: 'Min', total: 'Total' }[highest],
      [if values != [] then 'sortDesc']: true,
    },

  calculations: { last: 'lastNotNull', mean: 'mean', max: 'max', min: 'min', total: 'sum' },

  // The schema of the two options above, for panel types with a legend.
  legendOptions: {
    legend_at: {
      description: 'The position of the legend.',
      enum: ['bottom', 'right', 'hidden'],
      default: 'bottom',
    },
    legend_values: {
      description: 'Calculations beside each name: last value, mean, maximum, minimum, total; [] for none. Graphs over time show min, mean and max.',
      type: 'array',
      items: { enum: ['last', 'mean', 'max', 'min', 'total'] },
    },
  },
}
