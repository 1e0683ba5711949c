"""MASt3R: DUSt3R's point maps with descriptors, and cameras by its dense or its sparse alignment."""
