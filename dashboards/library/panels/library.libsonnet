// A panel that is kept in Grafana itself and shared by several dashboards.
local theme = import '../theme.libsonnet';

{
  words: { library: "A panel of Grafana's own library, by its uid; what it shows is decided there." },
  called: { librarypanel: 'library', library_panel: 'library', libraryPanel: 'library' },
  grafana: { type: 'library-panel-ref', name: 'Library panel', public: false, portable: false },
  content: { description: "The uid of the library panel, as its address in Grafana shows it.", type: 'string', title: 'a uid of letters, digits, - and _', pattern: '^[A-Za-z0-9_-]{1,40}$' },
  queries: '',
  height: 8,
  width: 4,
  options: {},
  example: { library: 'shop-orders', title: 'Orders', description: 'The panel that all shop dashboards share.' },

  panel(spec):: theme.panel(spec, 'library-panel-ref', { libraryPanel: { uid: spec.content, name: spec.title } }),
}
