"""The API."""


def create_app(store, clock):
    from fastapi import FastAPI

    return FastAPI()
