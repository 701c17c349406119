"""Past seasons or days as operation: how often would retraining have paid off?"""
