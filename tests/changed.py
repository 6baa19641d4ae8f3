"""Fitted models of which a part has been replaced, as no verb does it."""


def give(model, **fields):
    """Give a fitted model other fields of its dynamics, such as ``theta``."""
    trained = model.fitted_.trained
    trained = trained._replace(dynamics=trained.dynamics.but(**fields))
    model.fitted_ = model.fitted_._replace(trained=trained)
    return model


def stand_at(model, memory):
    """Give a model of one series another memory."""
    place = model.series_[None]
    series = {None: place._replace(past=place.past._replace(memory=memory))}
    model.fitted_ = model.fitted_._replace(series=series)
