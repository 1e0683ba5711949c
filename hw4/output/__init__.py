"""How anything is shown: tables, terminal, HTML, Markdown, SVG."""
