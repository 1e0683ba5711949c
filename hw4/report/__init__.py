"""What finished runs show: statistics, sections and words of a report."""
