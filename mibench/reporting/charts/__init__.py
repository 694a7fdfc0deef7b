"""What a report draws: panels of a chart, their geometry, and SVG."""
