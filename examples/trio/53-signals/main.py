import asyncio
import os
import signal


async def main():
    loop = asyncio.get_running_loop()
    told = loop.create_future()

    def handler():
        print(f"the handler is a callback: current task {asyncio.current_task()}")
        told.set_result("told")

    loop.add_signal_handler(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
    print("the signal is sent, and nothing has run")
    print(f"main is {await told}")
    print(f"removed {loop.remove_signal_handler(signal.SIGUSR1)}, again {loop.remove_signal_handler(signal.SIGUSR1)}")
    try:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(3600)
    finally:
        print("main cleans up")


# A program that was started in the background may have been told to ignore Ctrl-C; this one asks for it.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
