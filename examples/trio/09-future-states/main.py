import asyncio


def attempt(what, action):
    try:
        action()
        print(f"{what}: done")
    except asyncio.InvalidStateError:
        print(f"{what}: refused")


async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    print(f"new: done {future.done()}")
    attempt("set a result", lambda: future.set_result(1))
    attempt("set another", lambda: future.set_result(2))
    attempt("set an error", lambda: future.set_exception(ValueError()))
    print(f"cancel: {future.cancel()}")
    print(f"awaited: {await future}, done {future.done()}, cancelled {future.cancelled()}")

    future = loop.create_future()
    print(f"cancel: {future.cancel()}, again: {future.cancel()}")
    attempt("set a result", lambda: future.set_result(1))
    try:
        await future
    except asyncio.CancelledError:
        print(f"awaited: cancelled, done {future.done()}, cancelled {future.cancelled()}")


asyncio.run(main())
