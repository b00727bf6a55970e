// Variables: the pickers at the top of a dashboard.
{
  // Where the figures come from; every panel asks `${datasource}`.
  datasource():: {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    query: 'prometheus',
    regex: '',
    current: { selected: false, text: 'default', value: 'default' },
    options: [],
    refresh: 1,
    multi: false,
    includeAll: false,
    hide: 0,
    skipUrlSync: false,
  },

  // A label's values. spec: {name, title, query}; the query is label_values(…). "All" is every value but none.
  label(spec):: {
    type: 'query',
    name: spec.name,
    label: spec.title,
    datasource: { type: 'prometheus', uid: '${datasource}' },
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
}
