"""DUSt3R: two views, and many through global alignment."""
