"""The report of a calibration job: figures and one page, from the folder's Parquet files."""
