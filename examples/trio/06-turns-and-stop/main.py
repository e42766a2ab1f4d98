import asyncio

loop = asyncio.new_event_loop()


def first():
    print("first: stops the loop, and queues another")
    loop.stop()
    loop.call_soon(print, "queued by first")


loop.call_soon(first)
loop.call_soon(print, "second, of the same turn")
print("run")
loop.run_forever()
print("stopped; run again, stopped before it begins")
loop.call_soon(lambda: loop.call_soon(print, "a turn too late"))
loop.stop()
loop.run_forever()
print("end")
loop.close()
