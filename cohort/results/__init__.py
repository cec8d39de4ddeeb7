"""Results as Parquet: outcomes, Arrow schema, writer, reader, summary."""
