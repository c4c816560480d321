"""Stands in for the package of that name in paho.mqtt.testing, whose server the tests of paho-mqtt start."""
