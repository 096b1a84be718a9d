"""The callback of the article, as it was printed. It calls a function that is not there.

And nothing of it is asynchronous: `async_task` would come back when all the work is done.
callbacks.py is the same idea, put right.
"""


def async_task(callback):
    # Simulating asynchronous task completion
    result = perform_long_operation()
    callback(result)


def callback_function(result):
    print("Callback result:", result)


async_task(callback_function)
