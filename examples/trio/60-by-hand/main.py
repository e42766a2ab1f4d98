import asyncio


async def written(name):
    print(f"{name}: before the first wait")
    await asyncio.sleep(0)
    print(f"{name}: between the waits")
    await asyncio.sleep(0)
    print(f"{name}: after the second wait")
    return 42


# ANCHOR: machine
class ByHand:
    """What `written` is to whoever awaits it: something that can be sent on, from where it stopped."""

    def __init__(self, name):
        self.name, self.state = name, 0

    def __await__(self):
        return self

    def __next__(self):
        if self.state == 0:
            print(f"{self.name}: before the first wait")
        elif self.state == 1:
            print(f"{self.name}: between the waits")
        else:
            print(f"{self.name}: after the second wait")
            raise StopIteration(42)  # how a coroutine says that it has ended, and with what
        self.state += 1
        return None  # what sleep(0) hands to the loop: nothing to wait for, only step me again
# ANCHOR_END: machine


async def main():
    print(await written("written"))
    machine = ByHand("by hand")
    print("made; nothing has run")
    print(await machine)
    coroutine = written("driven by hand")
    for step in (1, 2, 3):
        print(f"step {step}")
        try:
            coroutine.send(None)
        except StopIteration as end:
            print(f"ended with {end.value}")


asyncio.run(main())
