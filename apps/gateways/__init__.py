"""How to speak to FCM, APNs, Web Push and SMS providers. No tables, no domain word above `message`."""
