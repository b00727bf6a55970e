// Other dashboards, to go on to.
local theme = import '../theme.libsonnet';

{
  words: { dashboards: 'Other dashboards, by their tags: [deckwatch]; [] lists all.' },
  called: { dashlist: 'dashboards', dashboardlist: 'dashboards' },
  grafana: {
    type: 'dashlist', name: 'Dashboard list', public: false,
    since: { 'options.showFolderNames': { version: '11.1', default: false } },
  },
  content: { description: 'Tags that a dashboard must have, all of them.', type: 'array', items: { type: 'string', minLength: 1 } },
  queries: '',
  height: 8,
  width: 4,
  options: {
    most: { description: 'Show so many at most.', type: 'integer', minimum: 1, default: 30 },
    search: { description: 'Only those with these words in their titles.', type: 'string', examples: ['shop'] },
    starred: { description: 'Show those too that the reader has marked with a star.', type: 'boolean', default: false },
    recent: { description: 'Show those too that the reader has seen last.', type: 'boolean', default: false },
  },
  example: { dashboards: ['deckwatch'], title: 'Dashboards', description: 'Where to look next.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local starred = theme.get(options, 'starred', false);
    local recent = theme.get(options, 'recent', false);
    theme.panel(spec, 'dashlist', {
      options: {
        showSearch: true,
        showStarred: starred,
        showRecentlyViewed: recent,
        showHeadings: starred || recent,
        showFolderNames: false,
        includeVars: false,
        keepTime: true,
        maxItems: theme.get(options, 'most', 30),
        query: theme.get(options, 'search', ''),
        tags: spec.content,
      },
    }),
}
