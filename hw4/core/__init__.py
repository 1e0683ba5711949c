"""What every room stands on: errors, durable files, identity of files, provenance, memory."""
