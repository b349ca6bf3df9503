"""The checker that the tests put on the package: beartype, with whole numbers welcome where floats are."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
