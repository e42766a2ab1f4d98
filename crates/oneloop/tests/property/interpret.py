"""The property test's interpreter in CPython: reads a program a line, writes what happened a line.

`interpret.rs` is the same in Rust. What differs from a plain run of asyncio is here, and nowhere else:

- The clock is virtual: the selector does not sleep, it moves the time on, unless the pipe has something. Time is counted
  in whole units.
- Declared difference 1: `events.py: TimerHandle.__lt__` compares deadlines alone, so the heap leaves the order of equal
  ones open. Here each timer is due a billionth of a unit after the one that was made before it.
- Declared difference 2: `taskgroups.py: TaskGroup.__init__` and `tasks.py: _AsCompletedIterator.__init__` keep tasks in
  sets, so the order in which siblings are cancelled, and in which those come that are done already, is open. Here a
  task's hash is its number, by which a set of so few is in the order of the numbers, which is that of the program.
"""

import asyncio
import json
import selectors
import socket
import sys

ROUNDS = 40


# A program may leave tasks that wait for ever; their collection is no event of the program.
sys.unraisablehook = lambda unraisable: None


class Task(asyncio.Task):
    def __init__(self, coroutine, number=-1, **options):
        self.number = number
        super().__init__(coroutine, **options)

    def __hash__(self):
        return self.number


class NoSelector(selectors.SelectSelector):
    loop = None

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            self.loop.now += int(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.now = 0
        self.timers = 0
        selector = NoSelector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 0.5

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when + self.timers * 1e-9, callback, *args, context=context)


class Broken(Exception):
    pass


def kind(error):
    if isinstance(error, BaseExceptionGroup):
        return f"group({', '.join(kind(one) for one in error.exceptions)})"
    for of, name in (
        (Broken, f"error {error}"),
        (asyncio.CancelledError, "cancelled"),
        (TimeoutError, "timeout"),
        (asyncio.InvalidStateError, "invalid-state"),
        (asyncio.QueueEmpty, "queue-empty"),
        (asyncio.QueueFull, "queue-full"),
        (asyncio.QueueShutDown, "queue-shut-down"),
        (asyncio.BrokenBarrierError, "broken-barrier"),
        (RuntimeError, "runtime"),
        (ValueError, "value"),
    ):
        if isinstance(error, of):
            return name
    raise error


class World:
    def __init__(self, program, loop):
        self.bodies = program["bodies"]
        self.loop = loop
        self.log = []
        self.tasks = {}
        self.making = -1
        loop.set_task_factory(self.make)
        self.futures = [loop.create_future() for _ in range(program["futures"])]
        self.locks = [asyncio.Lock() for _ in range(program["locks"])]
        self.semaphores = [asyncio.Semaphore(permits) for permits in program["semaphores"]]
        self.bounded = [asyncio.BoundedSemaphore(permits) for permits in program["bounded"]]
        self.events = [asyncio.Event() for _ in range(program["events"])]
        self.conditions = [asyncio.Condition() for _ in range(program["conditions"])]
        kinds = (asyncio.Queue, asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue)
        self.queues = [kind(size) for kind, size in zip(kinds, program["queues"])]
        self.outers = {}
        self.handles = {}
        self.scopes = {}
        self.barriers = [asyncio.Barrier(parties) for parties in program["barriers"]]
        self.pipe = socket.socketpair()
        for end in self.pipe:
            end.setblocking(False)

    def say(self, text):
        self.log.append(f"{self.loop.time()} {text}")

    async def root(self):
        self.spawn(0)
        for _ in range(ROUNDS):
            await asyncio.sleep(1000)
            left = [number for number, task in self.tasks.items() if not task.done()]
            self.say(f"left {left}")
            if not left:
                return
            for number in left:
                self.tasks[number].cancel()

    def make(self, loop, coroutine, **options):
        """The loop's task factory."""
        return Task(coroutine, number=self.making, loop=loop, **options)

    def spawn(self, number, create=asyncio.create_task):
        self.making = number
        self.tasks[number] = create(self.body(number))
        return self.tasks[number]

    async def body(self, number):
        self.say(f"t{number} starts")
        try:
            await self.run(number, self.bodies[number], f"t{number}")
        except BaseException as error:
            self.say(f"t{number} ends {kind(error)}")
            raise
        self.say(f"t{number} ends")
        return number

    async def run(self, me, ops, path):
        for index, op in enumerate(ops):
            at = f"{path}.{index} {op['op']}"
            try:
                note = await getattr(self, f"do_{op['op']}")(me, op, f"{path}.{index}")
            except BaseException as error:
                self.say(f"{at}: {kind(error)}")
                raise
            self.say(f"{at}: {note}")

    def act(self, op):
        """What a callback does."""
        self.say(f"callback {op['id']}")
        do, which = op["do"], op["which"]
        if do == "set" and not self.futures[which].done():
            self.futures[which].set_result(which)
        elif do == "cancel" and which in self.tasks:
            self.say(f"callback {op['id']} cancels: {self.tasks[which].cancel()}")
        elif do == "event":
            self.events[which].set()

    # Tasks, futures and callbacks.

    async def do_yield(self, me, op, at):
        return await asyncio.sleep(0)

    async def do_sleep(self, me, op, at):
        return await asyncio.sleep(op["time"])

    async def do_fail(self, me, op, at):
        raise Broken(at)

    async def do_spawn(self, me, op, at):
        self.spawn(op["task"])

    async def do_eager(self, me, op, at):
        # 3.14's create_task(eager_start=True), which is this in 3.13. Who asks for the task in its first step finds none.
        self.spawn(op["task"], lambda body: Task(body, number=op["task"], loop=self.loop, eager_start=True))

    async def do_await(self, me, op, at):
        return await self.tasks[op["task"]] if op["task"] in self.tasks else "absent"

    async def do_cancel(self, me, op, at):
        return self.tasks[op["task"]].cancel() if op["task"] in self.tasks else "absent"

    async def do_cancelling(self, me, op, at):
        return self.tasks[op["task"]].cancelling() if op["task"] in self.tasks else "absent"

    async def do_uncancel(self, me, op, at):
        return asyncio.current_task().uncancel()

    async def do_done_callback(self, me, op, at):
        if op["task"] not in self.tasks:
            return "absent"
        self.tasks[op["task"]].add_done_callback(lambda _: self.act(op))

    async def do_call_soon(self, me, op, at):
        self.handles[op["id"]] = self.loop.call_soon(self.act, op)

    async def do_call_later(self, me, op, at):
        self.handles[op["id"]] = self.loop.call_later(op["time"], self.act, op)

    async def do_cancel_handle(self, me, op, at):
        if op["id"] not in self.handles:
            return "absent"
        self.handles[op["id"]].cancel()

    async def do_future(self, me, op, at):
        return await self.futures[op["future"]]

    async def do_set(self, me, op, at):
        self.futures[op["future"]].set_result(op["future"])

    async def do_set_error(self, me, op, at):
        self.futures[op["future"]].set_exception(Broken(at))

    async def do_cancel_future(self, me, op, at):
        return self.futures[op["future"]].cancel()

    # Scopes.

    async def do_try(self, me, op, at):
        try:
            await self.run(me, op["body"], f"{at}b")
        except BaseException as error:
            if op["only_cancelled"] != isinstance(error, asyncio.CancelledError):
                raise
            self.say(f"{at} catches {kind(error)}")
            await self.run(me, op["handler"], f"{at}h")

    async def do_finally(self, me, op, at):
        try:
            await self.run(me, op["body"], f"{at}b")
        finally:
            await self.run(me, op["handler"], f"{at}h")

    async def do_timeout(self, me, op, at):
        scopes = self.scopes.setdefault(me, [])
        scope = asyncio.timeout(op["time"])
        scopes.append(scope)
        try:
            async with scope:
                await self.run(me, op["body"], f"{at}b")
        finally:
            scopes.pop()
            self.say(f"{at} expired {scope.expired()}")

    async def do_reschedule(self, me, op, at):
        if not self.scopes.get(me):
            return "absent"
        self.scopes[me][-1].reschedule(op["time"] if op["time"] is None else self.loop.time() + op["time"])

    async def do_wait_for(self, me, op, at):
        await asyncio.wait_for(self.run(me, op["body"], f"{at}b"), op["time"])

    async def do_wait_for_task(self, me, op, at):
        return await asyncio.wait_for(self.tasks[op["task"]], op["time"]) if op["task"] in self.tasks else "absent"

    async def do_make_gather(self, me, op, at):
        outer = asyncio.gather(*[self.spawn(number) for number in op["tasks"]])
        self.outers[op["slot"]] = (min(op["tasks"]), outer)

    async def do_make_shield(self, me, op, at):
        if op["task"] not in self.tasks:
            return "absent"
        self.outers[op["slot"]] = (op["task"], asyncio.shield(self.tasks[op["task"]]))

    async def do_await_outer(self, me, op, at):
        first, outer = self.outers.get(op["slot"], (0, None))
        # Who waits for what waits for itself would wait for ever.
        return await outer if me < first else "absent"

    async def do_cancel_outer(self, me, op, at):
        return self.outers[op["slot"]][1].cancel() if op["slot"] in self.outers else "absent"

    async def do_gather(self, me, op, at):
        return await asyncio.gather(*[self.spawn(number) for number in op["tasks"]])

    async def do_gather_all(self, me, op, at):
        tasks = [self.spawn(number) for number in op["tasks"]]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [kind(result) if isinstance(result, BaseException) else str(result) for result in results]

    async def do_group(self, me, op, at):
        async with asyncio.TaskGroup() as group:
            for number in op["tasks"]:
                self.spawn(number, group.create_task)
            await self.run(me, op["body"], f"{at}b")

    async def do_shield(self, me, op, at):
        return await asyncio.shield(self.tasks[op["task"]]) if op["task"] in self.tasks else "absent"

    async def do_wait(self, me, op, at):
        numbers = [number for number in op["tasks"] if number in self.tasks]
        if not numbers:
            return "absent"
        when = (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED)[op["when"]]
        tasks = [self.tasks[number] for number in numbers]
        done, _ = await asyncio.wait(tasks, timeout=op["time"], return_when=when)
        return [number for number in numbers if self.tasks[number] in done]

    async def do_as_completed(self, me, op, at):
        numbers = [number for number in op["tasks"] if number in self.tasks]
        for ended in asyncio.as_completed([self.tasks[number] for number in numbers]):
            self.say(f"{at} completed {await ended}")

    # Locks and queues.

    async def do_lock(self, me, op, at):
        async with self.locks[op["which"]]:
            self.say(f"{at} holds")
            await self.run(me, op["body"], f"{at}b")

    async def do_semaphore(self, me, op, at):
        async with self.semaphores[op["which"]]:
            self.say(f"{at} holds")
            await self.run(me, op["body"], f"{at}b")

    async def do_acquire(self, me, op, at):
        await self.bounded[op["which"]].acquire()

    async def do_release(self, me, op, at):
        self.bounded[op["which"]].release()

    async def do_event(self, me, op, at):
        await self.events[op["which"]].wait()

    async def do_event_set(self, me, op, at):
        self.events[op["which"]].set()

    async def do_event_clear(self, me, op, at):
        self.events[op["which"]].clear()

    async def do_condition(self, me, op, at):
        async with self.conditions[op["which"]] as _:
            self.say(f"{at} holds")
            await self.conditions[op["which"]].wait()
            self.say(f"{at} is notified")
            await self.run(me, op["body"], f"{at}b")

    async def do_notify(self, me, op, at):
        async with self.conditions[op["which"]]:
            self.conditions[op["which"]].notify(op["count"])
            await self.run(me, op["body"], f"{at}b")

    async def do_barrier(self, me, op, at):
        return await self.barriers[op["which"]].wait()

    async def do_barrier_reset(self, me, op, at):
        await self.barriers[op["which"]].reset()

    async def do_put(self, me, op, at):
        await self.queues[op["which"]].put(at)

    async def do_get(self, me, op, at):
        return await self.queues[op["which"]].get()

    async def do_put_nowait(self, me, op, at):
        self.queues[op["which"]].put_nowait(at)

    async def do_get_nowait(self, me, op, at):
        return self.queues[op["which"]].get_nowait()

    async def do_task_done(self, me, op, at):
        self.queues[op["which"]].task_done()

    async def do_join(self, me, op, at):
        await self.queues[op["which"]].join()

    async def do_shutdown(self, me, op, at):
        self.queues[op["which"]].shutdown(op["immediate"])

    # The selector.

    async def do_send(self, me, op, at):
        self.pipe[1].send(b"1")

    async def do_receive(self, me, op, at):
        arrived = self.loop.create_future()

        def readable():
            self.say(f"{at} readable")
            self.loop.remove_reader(self.pipe[0])
            self.pipe[0].recv(1)
            if not arrived.done():
                arrived.set_result(None)

        self.loop.add_reader(self.pipe[0], readable)
        try:
            await arrived
        finally:
            self.loop.remove_reader(self.pipe[0])


def main():
    for line in sys.stdin:
        loop = VirtualLoop()
        loop.set_exception_handler(lambda loop, context: None)
        world = World(json.loads(line), loop)
        loop.run_until_complete(world.root())
        loop.close()
        for end in world.pipe:
            end.close()
        print(json.dumps(world.log), flush=True)


main()
