"""What can be done with segments: refresh, preview, audiences, lists, editing."""
