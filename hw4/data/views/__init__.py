"""Any number of posed views: the scenes of standard data sets, and the samples that are drawn from them."""
