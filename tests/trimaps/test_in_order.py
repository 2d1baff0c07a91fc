import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vstc.trimaps.in_order import map_in_order


def test_results_come_in_order_whatever_the_threads_do():
    def slow_when_even(number):
        time.sleep(0.003 * (number % 2 == 0))
        return number * number

    with ThreadPoolExecutor(4) as pool:
        found = list(map_in_order(pool, slow_when_even, range(40), ahead=6))
    assert found == [number * number for number in range(40)]


def test_items_are_taken_no_faster_than_results():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = map_in_order(pool, lambda number: number, items(), ahead=5)
        for done in range(20):
            assert next(results) == done
            assert len(taken) <= done + 5
        results.close()


def test_error_comes_in_its_turn_and_drops_the_rest():
    begun = threading.Semaphore(0)

    def work(number):
        begun.release()
        if number == 3:
            raise ValueError("three")
        return number

    with ThreadPoolExecutor(1) as pool:
        results = map_in_order(pool, work, range(1000), ahead=4)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(results)
    assert begun._value < 20
