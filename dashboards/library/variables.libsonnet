// The variables at the top of a dashboard.
{
  // The data source; every panel uses `${datasource}`. spec: {name, kind}; with several kinds in a dashboard, each is
  // named after its kind.
  datasource(spec={ name: 'datasource', kind: 'prometheus' }):: {
    local capital = std.asciiUpper(std.substr(spec.kind, 0, 1)) + std.substr(spec.kind, 1, std.length(spec.kind) - 1),
    type: 'datasource',
    name: spec.name,
    label: if spec.name == 'datasource' then 'Data source' else capital + ' data source',
    query: spec.kind,
    regex: '',
    current: { selected: false, text: 'default', value: 'default' },
    options: [],
    refresh: 1,
    multi: false,
    includeAll: false,
    hide: 0,
    skipUrlSync: false,
  },

  // The values of a label. spec: {name, title, query}; the query is label_values(…). "All" matches every non-empty value.
  label(spec, datasource={ type: 'prometheus', uid: '${datasource}' }):: {
    type: 'query',
    name: spec.name,
    label: spec.title,
    datasource: datasource,
    query: spec.query,
    definition: spec.query,
    regex: '',
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { selected: true, text: 'All', value: '$__all' },
    options: [],
    hide: 0,
    skipUrlSync: false,
  },

  // A list of fixed options, {name, title, options: [{text, value}], default}, or a text box.
  input(spec)::
    local common = { name: spec.name, label: spec.title, hide: 0, skipUrlSync: false };
    // Grafana separates options by commas, and text from value by a colon: both are escaped.
    local escaped(text) = std.strReplace(std.strReplace(text, ',', '\\,'), ' : ', ' \\: ');
    if std.objectHas(spec, 'options') then common {
      type: 'custom',
      query: std.join(',', [
        (if one.text == one.value then '' else escaped(one.text) + ' : ') + escaped(one.value)
        for one in spec.options
      ]),
      current: { selected: true } + spec.default,
      options: [{ selected: one == spec.default } + one for one in spec.options],
      multi: false,
      includeAll: false,
    } else common {
      type: 'textbox',
      query: spec.default,
      current: { selected: true, text: spec.default, value: spec.default },
      options: [{ selected: true, text: spec.default, value: spec.default }],
    },
}
