"""Contents of ``metrics.json`` written by hand."""

NET, OTHER = "efficientnet_lite0", "sprite_net"


def value(mean, deviation=0.0):
    return {"mean": mean, "deviation": deviation, "seeds": [mean - deviation, mean + deviation]}


def facts(size=64, conditioning=None, samples=1500, **changes):
    """One model's numbers; ``changes`` are means or (mean, deviation) by the name before ``@``."""
    means = {
        f"fd_{NET}@{samples}": 100.0,
        f"kid_{NET}@{samples}": 0.1,
        f"kid_deviation_{NET}@{samples}": 0.01,
        f"precision_{NET}@{samples}": 0.5,
        f"recall_{NET}@{samples}": 0.4,
        f"density_{NET}@{samples}": 0.8,
        f"coverage_{NET}@{samples}": 0.3,
        f"fd_{OTHER}@{samples}": 20.0,
        f"diversity_{NET}": 10.0,
        f"collapse_{NET}": 0.01,
        f"novelty@{samples}": 0.9,
        "colors": 600.0,
        f"path_length_{NET}@200": 5.0,
    }
    real = {f"diversity_{NET}": 16.0, f"collapse_{NET}": 0.001, "colors": 500.0, "novelty": 0.94}
    told = {}
    if conditioning is not None:
        means |= {f"type_accuracy_{NET}@{samples}": 0.3, f"cas_{NET}@{samples}": 0.2}
        real |= {f"type_accuracy_{NET}": 0.45, f"cas_{NET}": 0.45}
        told = {"types": {"conditioning": conditioning}}
    for name, changed in changes.items():
        full = next(known for known in means if known.split("@")[0] == name)
        means[full] = changed
    pairs = {name: own if isinstance(own, tuple) else (own, 0.0) for name, own in means.items()}
    return {
        "protocol": {
            "version": 1,
            "data": "gen5",
            "fingerprint": "abc",
            "split": "train",
            "real_sprites": 1424,
            "training_sprites": 1424,
            "held_out_sprites": 150,
            "size": size,
            "samples": samples,
            "seeds": [0, 1],
            "networks": {"efficientnet-lite0": "aa", "sprite-net": "bb"},
        },
        "metrics": {name: value(*pair) for name, pair in pairs.items()},
        "real": real,
        "floors": {
            name: {f"fd_{NET}@{number}": fd, f"fd_{OTHER}@{number}": fd / 10}
            for name, number, fd in (
                ("halves", 678, 33.0 + size / 100),
                ("augmented", 1424, 7.0),
                ("blurred", 1424, 97.0),
                ("noise", samples, 337.0),
            )
        },
        **told,
    }
