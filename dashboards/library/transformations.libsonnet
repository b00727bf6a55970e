// What is done to an answer before it is drawn, a few in words; anything else of Grafana's by `raw`.
local names(list, value) = { [name]: value for name in list };

local reducers = { last: 'lastNotNull', mean: 'mean', max: 'max', min: 'min', total: 'sum', count: 'count' };

// How a column must be for a line to stay.
local conditions = {
  above: function(value) { id: 'greater', options: { value: value } },
  below: function(value) { id: 'lower', options: { value: value } },
  is: function(value) { id: 'equal', options: { value: value } },
  is_not: function(value) { id: 'notEqual', options: { value: value } },
  matches: function(value) { id: 'regex', options: { value: value } },
};

local words = {
  sum(title):: { id: 'calculateField', options: { alias: title, mode: 'reduceRow', reduce: { reducer: 'sum' }, replaceFields: false } },

  compute(said):: {
    id: 'calculateField',
    options: {
      alias: said.title,
      mode: 'binary',
      binary: { left: said.left, operator: said.operator, reducer: 'sum', right: std.toString(said.right) },
      replaceFields: false,
    },
  },

  rename(said):: { id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: said } },

  hide(columns):: { id: 'organize', options: { excludeByName: names(columns, true), indexByName: {}, renameByName: {} } },

  order(columns):: {
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: { [columns[i]]: i for i in std.range(0, std.length(columns) - 1) },
      renameByName: {},
    },
  },

  filter(said):: {
    id: 'filterByValue',
    options: {
      type: 'include',
      match: 'all',
      filters: [
        { fieldName: said.column, config: conditions[word](said[word]) }
        for word in std.objectFields(said)
        if std.objectHas(conditions, word)
      ],
    },
  },

  sort(said):: {
    local column = if std.isString(said) then said else said.column,
    id: 'sortBy',
    options: { fields: {}, sort: [{ field: column, desc: if std.isString(said) then true else !said.ascending }] },
  },

  limit(most):: { id: 'limit', options: { limitField: most } },

  group(said):: {
    id: 'groupBy',
    options: {
      fields: { [column]: { operation: 'groupby', aggregations: [] } for column in said.by }
              + { [column]: { operation: 'aggregate', aggregations: [reducers[said.calculate[column]]] } for column in std.objectFields(said.calculate) },
    },
  },

  reduce(list):: { id: 'reduce', options: { mode: 'seriesToRows', reducers: [reducers[one] for one in list] } },

  join(column):: { id: 'joinByField', options: { byField: column, mode: 'outer' } },

  merge(yes):: { id: 'merge', options: {} },

  transpose(yes):: { id: 'transpose', options: {} },

  raw(said):: said,
};

{
  // said: one word with what belongs to it, {limit: 5}.
  step(said):: words[std.objectFields(said)[0]](said[std.objectFields(said)[0]]),
}
